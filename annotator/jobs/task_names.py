"""Rename stored tasks, for migrations: queued rows and jobs name the dotted path of the function that does them."""

from collections.abc import Mapping
from typing import Any


def rename_tasks(apps: Any, names: Mapping[str, str]) -> None:
    """Give tasks that are queued, and jobs that may be gone on with, the new names; `names` are {old: new}.

    `apps` are the models of that moment in history. Depend on django_tasks_database and on the first migration of jobs.
    """
    queued, jobs = apps.get_model("django_tasks_database", "DBTaskResult"), apps.get_model("jobs", "Job")
    for old, new in names.items():
        queued.objects.filter(task_path=old).update(task_path=new)
        jobs.objects.filter(task=old).update(task=new)
