from django.db import migrations, models

import annotator.images.models
from annotator.photos.naming import name_key, numbered_path


def fill_keys(apps, schema_editor):
    """Give every row its key; of two rows with one name the later gets a number, so that a path is one photo's."""
    rows = apps.get_model("images", "Image").objects
    taken, project = set(), None
    ordered = rows.order_by("project_id", "position", "pk").values_list("pk", "project_id", "name")
    for pk, owner, name in list(ordered):
        if owner != project:
            taken, project = set(rows.filter(project=owner).values_list("name", flat=True)), owner
            seen = set()
        path = name if name not in seen else numbered_path(name, taken)
        seen.add(path)
        taken.add(path)
        rows.filter(pk=pk).update(name=path, name_key=name_key(path))


class Migration(migrations.Migration):
    dependencies = [("images", "0001_initial")]

    operations = [
        migrations.RemoveConstraint(model_name="image", name="image_content_once_per_project"),
        migrations.AlterField(model_name="image", name="name", field=models.CharField(max_length=500)),
        migrations.AddField(
            model_name="image",
            name="name_key",
            field=annotator.images.models.NameKeyField(default="", editable=False, max_length=200),
            preserve_default=False,
        ),
        migrations.RunPython(fill_keys, migrations.RunPython.noop, elidable=True),
        migrations.AddConstraint(
            model_name="image",
            constraint=models.UniqueConstraint(fields=("project", "name"), name="image_path_once_per_project"),
        ),
        migrations.AddIndex(
            model_name="image",
            index=models.Index(fields=["project", "name_key"], name="images_imag_project_e6ac2e_idx"),
        ),
    ]
