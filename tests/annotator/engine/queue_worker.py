"""A process of the test of many annotators: ten threads that take images, wait a moment, and submit them.

    python queue_worker.py PROJECT FIRST_USER THREADS

Prints one line per image taken: the user's id and the image's. Run with DATA_DIR and DATABASE_URL of the test.
"""

import os
import sys
import threading

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "annotator.settings"
django.setup()

from annotator.accounts.models import User  # noqa: E402
from annotator.engine import queue, review  # noqa: E402
from annotator.projects.models import Project  # noqa: E402

PRINTING = threading.Lock()


def work(project: Project, user: User) -> None:
    """Take and submit until nothing is left."""
    from django.db import connection

    while lease := queue.take_next_image(project, user):
        with PRINTING:
            print(user.pk, lease.image_id, flush=True)
        review.submit_image(lease.image, user)
    connection.close()


def main() -> None:
    """Start the threads at once."""
    project_id, first_user, threads = (int(argument) for argument in sys.argv[1:4])
    project = Project.objects.get(pk=project_id)
    users = list(User.objects.filter(pk__gte=first_user).order_by("pk")[:threads])
    gate = threading.Barrier(threads)

    def start(user: User) -> None:
        gate.wait()
        work(project, user)

    running = [threading.Thread(target=start, args=(user,)) for user in users]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


main()
