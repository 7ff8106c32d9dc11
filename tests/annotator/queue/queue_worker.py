"""A process of the test of many annotators: ten threads that take images, wait a moment, and submit them.

    python queue_worker.py PROJECT FIRST_USER THREADS

Prints one line per image taken: the user's id and the image's. Run with DATA_DIR and DATABASE_URL of the test.
"""

import os
import sys
import threading
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "annotator.settings"
django.setup()

from django.db import OperationalError  # noqa: E402

from annotator.accounts.models import User  # noqa: E402
from annotator.faults import is_busy  # noqa: E402
from annotator.projects.models import Project  # noqa: E402
from annotator.queue import next_image, review  # noqa: E402

PRINTING = threading.Lock()
PATIENCE = 100  # times SQLite's 20 s: many wait for one lock, and a slow machine is not wrong
FAILED: list[BaseException] = []


def work(project: Project, user: User) -> None:
    """Take and submit until nothing is left."""
    from django.db import connection

    while lease := patiently(next_image.take_next_image, project, user):
        with PRINTING:
            print(user.pk, lease.image_id, flush=True)
        patiently(review.submit_image, lease.image, user)
    connection.close()


def patiently(step: Any, *arguments: Any) -> Any:
    """Do a step again while the database is busy, as pages do that are told so (503)."""
    for _ in range(PATIENCE):
        try:
            return step(*arguments)
        except OperationalError as error:
            if not is_busy(error):
                raise
    raise SystemExit("the database stayed busy")


def main() -> None:
    """Start the threads at once."""
    project_id, first_user, threads = (int(argument) for argument in sys.argv[1:4])
    project = Project.objects.get(pk=project_id)
    users = list(User.objects.filter(pk__gte=first_user).order_by("pk")[:threads])
    gate = threading.Barrier(threads)

    def start(user: User) -> None:
        gate.wait()
        try:
            work(project, user)
        except BaseException as error:
            FAILED.append(error)
            raise

    running = [threading.Thread(target=start, args=(user,)) for user in users]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    sys.exit(1 if FAILED else 0)  # what ends a thread alone would leave an image in somebody's hands, unnoticed


main()
