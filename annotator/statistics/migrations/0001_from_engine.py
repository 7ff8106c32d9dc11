"""Figures leave the app "engine" for a room of their own.

Their tables stay as they are, under the names that they were made with.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

ID = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")
STAGES = [
    ("assisted_manual", "Assisted Manual"),
    ("semi_automatic", "Semi Automatic"),
    ("fully_automatic", "Fully Automatic"),
]
GRAINS = [
    ("full", "Full"),
    ("week", "Week"),
    ("author_id", "Author"),
    ("label_id", "Label"),
    ("stage", "Stage"),
    ("model_version_id", "Model Version"),
]


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("engine", "0007_sums_of_one_dimension"),
        ("images", "0001_initial"),
        ("projects", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="LatencySample",
                    fields=[
                        ("id", ID.clone()),
                        ("kind", models.CharField(max_length=30)),
                        ("engine", models.CharField(max_length=40)),
                        ("browser", models.CharField(max_length=80)),
                        ("model_version", models.CharField(max_length=80, blank=True)),
                        ("value_ms", models.FloatField()),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "project",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="latency_samples",
                                to="projects.project",
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "db_table": "engine_latencysample",
                        "indexes": [
                            models.Index(
                                fields=["project", "kind", "created_at"], name="engine_late_project_55b001_idx"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ActivityClock",
                    fields=[
                        ("id", ID.clone()),
                        ("credited_until", models.DateTimeField()),
                        (
                            "user",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "db_table": "engine_activityclock",
                    },
                ),
                migrations.CreateModel(
                    name="ImageFigures",
                    fields=[
                        ("id", ID.clone()),
                        ("mask_count", models.PositiveIntegerField(default=0)),
                        ("suggestion_count", models.PositiveIntegerField(default=0)),
                        ("mean_predicted_iou", models.FloatField(null=True)),
                        ("refreshed_at", models.DateTimeField(auto_now=True)),
                        (
                            "image",
                            models.OneToOneField(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="figures",
                                to="images.image",
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="projects.project"
                            ),
                        ),
                    ],
                    options={
                        "db_table": "engine_imagefigures",
                        "indexes": [
                            models.Index(fields=["project", "mask_count"], name="engine_imag_project_d5b2dd_idx"),
                            models.Index(
                                fields=["project", "mean_predicted_iou"], name="engine_imag_project_3f0716_idx"
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ImageParts",
                    fields=[
                        (
                            "figures",
                            models.OneToOneField(
                                primary_key=True,
                                serialize=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="adding",
                                to="statistics.imagefigures",
                            ),
                        ),
                        ("parts", models.JSONField(default=dict)),
                    ],
                    options={
                        "db_table": "engine_imageparts",
                    },
                ),
                migrations.CreateModel(
                    name="FiguresMark",
                    fields=[
                        ("id", ID.clone()),
                        ("counted_until", models.DateTimeField()),
                        (
                            "project",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="projects.project"
                            ),
                        ),
                    ],
                    options={
                        "db_table": "engine_figuresmark",
                    },
                ),
                migrations.CreateModel(
                    name="MaskFigures",
                    fields=[
                        ("id", ID.clone()),
                        ("key", models.CharField(max_length=160)),
                        ("grain", models.CharField(choices=GRAINS, default="full", max_length=16)),
                        ("week", models.DateField(null=True)),
                        ("author_id", models.BigIntegerField(null=True)),
                        ("label_id", models.BigIntegerField(null=True)),
                        ("stage", models.CharField(blank=True, choices=STAGES, max_length=20)),
                        ("model_version_id", models.BigIntegerField(null=True)),
                        ("source", models.CharField(max_length=10)),
                        ("state", models.CharField(max_length=10)),
                        ("masks", models.IntegerField(default=0)),
                        ("timed_masks", models.IntegerField(default=0)),
                        ("active_ms", models.BigIntegerField(default=0)),
                        ("clicks", models.BigIntegerField(default=0)),
                        ("undos", models.BigIntegerField(default=0)),
                        ("brushed_px", models.BigIntegerField(default=0)),
                        ("switched_candidates", models.BigIntegerField(default=0)),
                        ("edits", models.BigIntegerField(default=0)),
                        (
                            "project",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="projects.project"
                            ),
                        ),
                    ],
                    options={
                        "db_table": "engine_maskfigures",
                        "indexes": [
                            models.Index(
                                fields=["project", "grain", "author_id"], name="engine_mask_project_1c78c1_idx"
                            )
                        ],
                        "constraints": [models.UniqueConstraint(fields=("project", "key"), name="mask_figures_once")],
                    },
                ),
                migrations.CreateModel(
                    name="ScoreFigures",
                    fields=[
                        ("id", ID.clone()),
                        ("model_version_id", models.BigIntegerField(null=True)),
                        ("score_percent", models.PositiveSmallIntegerField()),
                        ("key", models.CharField(max_length=60)),
                        ("accepted", models.IntegerField(default=0)),
                        ("rejected", models.IntegerField(default=0)),
                        ("waiting", models.IntegerField(default=0)),
                        (
                            "project",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="projects.project"
                            ),
                        ),
                    ],
                    options={
                        "db_table": "engine_scorefigures",
                        "constraints": [models.UniqueConstraint(fields=("project", "key"), name="score_figures_once")],
                    },
                ),
            ]
        ),
    ]
