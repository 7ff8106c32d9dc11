"""Leases, submissions and what people did leave the app "engine" for a room of their own.

Their tables stay as they are, under the names that they were made with.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import annotator.weeks

ID = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")
STAGES = [
    ("assisted_manual", "Assisted Manual"),
    ("semi_automatic", "Semi Automatic"),
    ("fully_automatic", "Fully Automatic"),
]
VERDICTS = [
    ("waiting", "Waiting"),
    ("accepted", "Accepted"),
    ("mended", "Mended"),
    ("returned", "Returned"),
    ("not_sampled", "Not Sampled"),
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
                    name="Lease",
                    fields=[
                        ("id", ID.clone()),
                        (
                            "purpose",
                            models.CharField(
                                choices=[("annotate", "Annotate"), ("review", "Review")],
                                default="annotate",
                                max_length=8,
                            ),
                        ),
                        ("stage", models.CharField(blank=True, choices=STAGES, max_length=20)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("expires_at", models.DateTimeField()),
                        ("released_at", models.DateTimeField(null=True)),
                        (
                            "image",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE, related_name="leases", to="images.image"
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="leases",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "db_table": "engine_lease",
                        "indexes": [
                            models.Index(fields=["user", "released_at"], name="engine_leas_user_id_70c410_idx"),
                            models.Index(fields=["expires_at"], name="engine_leas_expires_53c970_idx"),
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("released_at", None)),
                                fields=("image",),
                                name="lease_once_while_active",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Submission",
                    fields=[
                        ("id", ID.clone()),
                        ("stage", models.CharField(choices=STAGES, max_length=20)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("week", models.DateField(default=annotator.weeks.this_week)),
                        ("masks", models.PositiveIntegerField(default=0)),
                        ("is_latest", models.BooleanField(default=True)),
                        ("verdict", models.CharField(choices=VERDICTS, default="waiting", max_length=11)),
                        ("comment", models.TextField(blank=True, max_length=5000)),
                        ("reviewed_at", models.DateTimeField(null=True)),
                        (
                            "image",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="submissions",
                                to="images.image",
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="projects.project"
                            ),
                        ),
                        (
                            "reviewer",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
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
                        "db_table": "engine_submission",
                        "ordering": ["-created_at", "-id"],
                        "indexes": [
                            models.Index(
                                fields=["project", "is_latest", "verdict", "week", "masks"],
                                name="engine_subm_project_dc4ac9_idx",
                            ),
                            models.Index(fields=["project", "reviewed_at"], name="engine_subm_project_cf63c2_idx"),
                            models.Index(fields=["verdict", "is_latest"], name="engine_subm_verdict_d1245e_idx"),
                            models.Index(fields=["user", "created_at"], name="engine_subm_user_id_1d70a9_idx"),
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("is_latest", True)),
                                fields=("image",),
                                name="submission_latest_once",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="WorkEvent",
                    fields=[
                        ("id", ID.clone()),
                        ("kind", models.CharField(max_length=30)),
                        ("data", models.JSONField(default=dict)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "image",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="work_events",
                                to="images.image",
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="work_events",
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
                        "db_table": "engine_workevent",
                        "indexes": [
                            models.Index(
                                fields=["project", "kind", "created_at"], name="engine_work_project_653c28_idx"
                            ),
                            models.Index(fields=["project", "created_at"], name="engine_work_project_3d20e9_idx"),
                            models.Index(fields=["image", "kind"], name="engine_work_image_i_bffe3b_idx"),
                        ],
                    },
                ),
            ]
        ),
    ]
