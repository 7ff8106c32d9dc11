"""Photos are made anew for another brightness by jobs: what is queued for a project becomes a job of it."""

from django.db import migrations
from django.utils import timezone

TASK = "annotator.images.tasks.show_photos_anew"


def make_jobs(apps, schema_editor):
    projects, jobs = apps.get_model("projects", "Project").objects, apps.get_model("jobs", "Job").objects
    queued = apps.get_model("django_tasks_database", "DBTaskResult").objects.filter(task_path=TASK)
    for row in queued.filter(status__in=("READY", "RUNNING")):
        project = projects.filter(pk=row.args_kwargs["args"][0]).first()
        if project is None:
            row.delete()
            continue
        job = jobs.create(project=project, kind="brightness", task=TASK, enqueued_at=timezone.now())
        row.args_kwargs = {"args": [job.pk], "kwargs": {}}
        row.save(update_fields=["args_kwargs"])


def take_back(apps, schema_editor):
    jobs = apps.get_model("jobs", "Job").objects
    queued = apps.get_model("django_tasks_database", "DBTaskResult").objects.filter(task_path=TASK)
    for row in queued.filter(status__in=("READY", "RUNNING")):
        job = jobs.filter(pk=row.args_kwargs["args"][0]).first()
        if job is None:
            row.delete()
            continue
        row.args_kwargs = {"args": [job.project_id], "kwargs": {}}
        row.save(update_fields=["args_kwargs"])
        job.delete()


class Migration(migrations.Migration):
    dependencies = [
        ("django_tasks_database", "0018_rename_succeeded_status"),
        ("engine", "0008_rooms"),
        ("images", "0005_find_images_by_picture"),
    ]

    operations = [migrations.RunPython(make_jobs, take_back)]
