"""The task of a change of brightness is in a module of its own: what is stored under its old name gets the new one."""

from django.db import migrations

from annotator.jobs.task_names import rename_tasks

OLD, NEW = "annotator.images.tasks.show_photos_anew", "annotator.images.brightness_tasks.show_photos_anew"


def rename_forwards(apps, schema_editor):
    rename_tasks(apps, {OLD: NEW})


def rename_backwards(apps, schema_editor):
    rename_tasks(apps, {NEW: OLD})


class Migration(migrations.Migration):
    dependencies = [
        ("django_tasks_database", "0018_rename_succeeded_status"),
        ("images", "0006_brightness_as_jobs"),
        ("jobs", "0001_from_engine"),
    ]

    operations = [migrations.RunPython(rename_forwards, rename_backwards)]
