"""What the model made alone leaves the app "engine" for a room of its own.

Their tables stay as they are, under the names that they were made with.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

ID = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("engine", "0007_sums_of_one_dimension"),
        ("images", "0001_initial"),
        ("inference", "0001_initial"),
        ("jobs", "0001_from_engine"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="MaskRun",
                    fields=[
                        ("id", ID.clone()),
                        (
                            "kind",
                            models.CharField(
                                choices=[("prefill", "Prefill"), ("automatic", "Automatic")], max_length=9
                            ),
                        ),
                        ("digest", models.CharField(max_length=64)),
                        ("settings", models.JSONField(default=dict)),
                        (
                            "status",
                            models.CharField(
                                choices=[("done", "Done"), ("failed", "Failed"), ("replaced", "Replaced")], max_length=8
                            ),
                        ),
                        ("mask_count", models.PositiveIntegerField(default=0)),
                        ("duration_ms", models.PositiveIntegerField(default=0)),
                        ("error", models.TextField(blank=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "image",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE, related_name="mask_runs", to="images.image"
                            ),
                        ),
                        (
                            "job",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="mask_runs",
                                to="jobs.job",
                            ),
                        ),
                        (
                            "model_version",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="inference.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "engine_maskrun",
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("status", "replaced"), _negated=True),
                                fields=("image", "kind"),
                                name="mask_run_once_per_image",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="CorrectionSample",
                    fields=[
                        ("id", ID.clone()),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("measured_at", models.DateTimeField(null=True)),
                        ("pairs", models.PositiveIntegerField(default=0)),
                        ("over_90", models.PositiveIntegerField(default=0)),
                        ("over_75", models.PositiveIntegerField(default=0)),
                        ("removed", models.PositiveIntegerField(default=0)),
                        ("added", models.PositiveIntegerField(default=0)),
                        ("mean_iou", models.FloatField(null=True)),
                        (
                            "image",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="correction_sample",
                                to="images.image",
                            ),
                        ),
                        (
                            "run",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="samples",
                                to="automatic.maskrun",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "engine_correctionsample",
                        "ordering": ["id"],
                    },
                ),
            ]
        ),
    ]
