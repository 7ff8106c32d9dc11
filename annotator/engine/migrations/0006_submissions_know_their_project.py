"""Submissions know their project and their masks, and the sums are thrown away: the worker counts them again.

Rows change here and tables in the next migration, because PostgreSQL does not mix the two in one transaction.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce


def forget_sums(apps, schema_editor):
    for name in ("ImageFigures", "MaskFigures", "ScoreFigures", "FiguresMark"):
        apps.get_model("engine", name).objects.all().delete()


def fill_submissions(apps, schema_editor):
    images = apps.get_model("images", "Image").objects.filter(pk=OuterRef("image"))
    masks = apps.get_model("annotations", "Annotation").objects.filter(
        image=OuterRef("image"), deleted_at=None, state="accepted"
    )
    counted = masks.order_by().values("image").annotate(n=Count("pk")).values("n")
    apps.get_model("engine", "Submission").objects.update(
        project=Subquery(images.values("project")[:1]), masks=Coalesce(Subquery(counted), 0)
    )


class Migration(migrations.Migration):
    dependencies = [
        ("annotations", "0001_initial"),
        ("engine", "0005_latest_work_of_projects"),
        ("images", "0001_initial"),
        ("projects", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="submission",
            name="masks",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="submission",
            name="project",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="projects.project"
            ),
        ),
        migrations.RunPython(fill_submissions, migrations.RunPython.noop),
        migrations.RunPython(forget_sums, migrations.RunPython.noop),
    ]
