"""Sums of one dimension for the unfiltered dashboard; what an image adds moves out of its narrow figures."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("engine", "0006_submissions_know_their_project"),
        ("images", "0001_initial"),
        ("projects", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ImageParts",
            fields=[
                (
                    "figures",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="adding",
                        serialize=False,
                        to="engine.imagefigures",
                    ),
                ),
                ("parts", models.JSONField(default=dict)),
            ],
        ),
        migrations.RemoveField(
            model_name="imagefigures",
            name="parts",
        ),
        migrations.AddField(
            model_name="maskfigures",
            name="grain",
            field=models.CharField(
                choices=[
                    ("full", "Full"),
                    ("week", "Week"),
                    ("author_id", "Author"),
                    ("label_id", "Label"),
                    ("stage", "Stage"),
                    ("model_version_id", "Model Version"),
                ],
                default="full",
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="maskfigures",
            name="stage",
            field=models.CharField(
                blank=True,
                choices=[
                    ("assisted_manual", "Assisted Manual"),
                    ("semi_automatic", "Semi Automatic"),
                    ("fully_automatic", "Fully Automatic"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="maskfigures",
            name="week",
            field=models.DateField(null=True),
        ),
        migrations.AlterField(
            model_name="submission",
            name="project",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="projects.project"
            ),
        ),
        migrations.AddIndex(
            model_name="maskfigures",
            index=models.Index(fields=["project", "grain", "author_id"], name="engine_mask_project_1c78c1_idx"),
        ),
        migrations.AddIndex(
            model_name="submission",
            index=models.Index(
                fields=["project", "is_latest", "verdict", "week", "masks"], name="engine_subm_project_dc4ac9_idx"
            ),
        ),
        migrations.AddIndex(
            model_name="submission",
            index=models.Index(fields=["project", "reviewed_at"], name="engine_subm_project_cf63c2_idx"),
        ),
    ]
