"""Jobs leave the app "engine" for a room of their own.

Their tables stay as they are, under the names that they were made with.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

ID = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")
STATUSES = [
    ("pending", "Pending"),
    ("running", "Running"),
    ("paused", "Paused"),
    ("done", "Done"),
    ("failed", "Failed"),
    ("cancelled", "Cancelled"),
]


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("engine", "0007_sums_of_one_dimension"),
        ("projects", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="Job",
                    fields=[
                        ("id", ID.clone()),
                        ("kind", models.CharField(max_length=30)),
                        ("key", models.CharField(max_length=100, blank=True)),
                        ("task", models.CharField(max_length=200, blank=True)),
                        ("status", models.CharField(choices=STATUSES, default="pending", max_length=10)),
                        ("total", models.PositiveIntegerField(default=0)),
                        ("done", models.PositiveIntegerField(default=0)),
                        ("params", models.JSONField(default=dict)),
                        ("report", models.JSONField(default=dict)),
                        ("state", models.JSONField(default=dict)),
                        ("error", models.TextField(blank=True)),
                        ("runner", models.CharField(max_length=120, blank=True)),
                        ("beat_at", models.DateTimeField(null=True)),
                        ("enqueued_at", models.DateTimeField(null=True)),
                        ("crashes", models.PositiveSmallIntegerField(default=0)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("started_at", models.DateTimeField(null=True)),
                        ("finished_at", models.DateTimeField(null=True)),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                        (
                            "created_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE, related_name="jobs", to="projects.project"
                            ),
                        ),
                    ],
                    options={
                        "db_table": "engine_job",
                        "ordering": ["-created_at", "-id"],
                        "indexes": [
                            models.Index(fields=["project", "kind", "status"], name="engine_job_project_5e465d_idx"),
                            models.Index(fields=["status", "beat_at"], name="engine_job_status_a52c26_idx"),
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(
                                    ("status__in", ("pending", "running", "paused")),
                                    models.Q(("key", ""), _negated=True),
                                ),
                                fields=("project", "kind", "key"),
                                name="job_once_while_open",
                            )
                        ],
                    },
                ),
            ]
        ),
    ]
