"""Exports and imports point to jobs in the room that these moved to; the table is the same."""

import django.db.models.deletion
from django.db import migrations, models


def job(related_name: str) -> "models.ForeignKey":
    return models.ForeignKey(
        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name=related_name, to="jobs.job"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("exchange", "0005_numbers_in_files"),
        ("jobs", "0001_from_engine"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(model_name="exportfile", name="job", field=job("export_files")),
                migrations.AlterField(model_name="importrun", name="job", field=job("import_runs")),
            ]
        ),
    ]
