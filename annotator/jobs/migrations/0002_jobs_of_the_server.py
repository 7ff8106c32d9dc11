import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_from_engine"), ("projects", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="job",
            name="project",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="jobs", to="projects.project"
            ),
        ),
        migrations.AddConstraint(
            model_name="job",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("project", None),
                    ("status__in", ("pending", "running", "paused")),
                    models.Q(("key", ""), _negated=True),
                ),
                fields=("kind", "key"),
                name="server_job_once_while_open",
            ),
        ),
    ]
