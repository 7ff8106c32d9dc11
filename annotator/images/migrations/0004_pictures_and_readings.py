from django.db import migrations, models
from django.db.models import F

import annotator.images.models


def name_pictures(apps, schema_editor):
    """Every photo was read in the one way there was."""
    apps.get_model("images", "Image").objects.update(picture=F("sha256"))


class Migration(migrations.Migration):
    dependencies = [("images", "0003_photos_by_size")]

    operations = [
        migrations.AddField(
            model_name="image", name="reading", field=models.CharField(blank=True, default="", max_length=50)
        ),
        migrations.AddField(model_name="image", name="depth", field=models.PositiveSmallIntegerField(default=0)),
        migrations.AddField(
            model_name="image",
            name="picture",
            field=annotator.images.models.PictureField(default="", editable=False, max_length=120),
            preserve_default=False,
        ),
        migrations.RunPython(name_pictures, migrations.RunPython.noop),
        migrations.AlterField(model_name="image", name="reading", field=models.CharField(blank=True, max_length=50)),
    ]
