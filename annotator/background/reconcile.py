"""Find work that a crash, a lost message or a new model left undone, and ask for it again; clear away what is spent.

Everything is asked for by rows that say what is missing, so running this twice, or while workers work, is harmless.
"""

import logging
from collections import Counter
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F
from django.utils import timezone
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from annotator.background.pulse import living_workers
from annotator.engine.dashboard_requests import count_everywhere
from annotator.engine.jobs import requeue_lost_jobs
from annotator.engine.leases import release_expired_everywhere
from annotator.images.models import Image, ImageStatus
from annotator.images.processing_requests import request_processing
from annotator.images.tasks import prepare_image
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.inference.selectors import default_model_version
from annotator.inference.spent_crops import remove_spent_crops
from annotator.inference.tasks import embed_image
from annotator.intake.bulk import remove_spent_zips

logger = logging.getLogger(__name__)
AT_ONCE = 1000
KEEP_FINISHED = timedelta(days=1)
LOST_WORKER = "annotator.background.reconcile.WorkerLostError"


class WorkerLostError(Exception):
    """The worker died each time it tried the task."""


def reconcile_missing() -> Counter[str]:
    """Ask again for everything that is missing, clear away what is spent, and return how much of each there was."""
    found: Counter[str] = Counter()
    found["revived_tasks"] = _revive_orphaned_tasks()
    found["revived_jobs"] = requeue_lost_jobs()
    found["released_images"] = release_expired_everywhere()
    found["counted_later"] = count_everywhere()
    found["spent_zips"] = remove_spent_zips()
    found["spent_crops"] = remove_spent_crops()
    found["released_embeddings"] = _release_orphaned_embeddings()
    found["embeddings"] = _enqueue_waiting_embeddings()
    found["images"] = _enqueue_new_images()
    found["requested_embeddings"] = _request_missing_embeddings()
    DBTaskResult.objects.finished().filter(finished_at__lt=timezone.now() - KEEP_FINISHED).delete()
    if any(found.values()):
        logger.info("reconciled", extra=dict(found))
    return found


def _revive_orphaned_tasks() -> int:
    """Put tasks of dead workers back, up to MAX_TASK_ATTEMPTS times; after that they are failed."""
    living = living_workers()
    revived = 0
    for row in DBTaskResult.objects.running().filter(started_at__lt=_stale()):
        if row.worker_ids and row.worker_ids[-1] in living:
            continue
        still_running = DBTaskResult.objects.filter(pk=row.pk, status=TaskResultStatus.RUNNING)
        if len(row.worker_ids) < settings.MAX_TASK_ATTEMPTS:
            revived += still_running.update(status=TaskResultStatus.READY, started_at=None)
        else:
            still_running.update(
                status=TaskResultStatus.FAILED, finished_at=timezone.now(), exception_class_path=LOST_WORKER
            )
    return revived


def _release_orphaned_embeddings() -> int:
    """Set embeddings whose worker died back to pending, or to failed when they killed it each time."""
    running = ImageEmbedding.objects.filter(status=EmbeddingStatus.RUNNING, updated_at__lt=_stale())
    orphans = running.exclude(pk__in=_ids_in_tasks(embed_image.module_path, TaskResultStatus.RUNNING))
    orphans.filter(attempts__gte=settings.MAX_TASK_ATTEMPTS).update(
        status=EmbeddingStatus.FAILED, error="The worker stopped each time it tried.", updated_at=timezone.now()
    )
    return orphans.update(status=EmbeddingStatus.PENDING, updated_at=F("updated_at"))


def _enqueue_waiting_embeddings() -> int:
    waiting = ImageEmbedding.objects.filter(status=EmbeddingStatus.PENDING, updated_at__lt=_stale())
    queued = _ids_in_tasks(embed_image.module_path, TaskResultStatus.READY, TaskResultStatus.RUNNING)
    ids = [pk for pk in waiting.values_list("pk", flat=True)[: AT_ONCE * 10] if pk not in queued][:AT_ONCE]
    for pk in ids:
        embed_image.enqueue(pk)
    return len(ids)


def _enqueue_new_images() -> int:
    waiting = Image.objects.filter(status=ImageStatus.NEW, created_at__lt=_stale())
    queued = _ids_in_tasks(prepare_image.module_path, TaskResultStatus.READY, TaskResultStatus.RUNNING)
    ids = [pk for pk in waiting.values_list("pk", flat=True)[: AT_ONCE * 10] if pk not in queued][:AT_ONCE]
    for pk in ids:
        prepare_image.enqueue(pk)
    return len(ids)


def _request_missing_embeddings() -> int:
    """Ask for the embeddings that a new default or pinned model version has made necessary."""
    default = default_model_version()
    requested = 0
    pinned = ModelVersion.objects.filter(project__archived_at=None).distinct()
    for version in {row.pk: row for row in [*pinned, *([default] if default else [])]}.values():
        requested += _request_for_version(version, is_default=default is not None and version.pk == default.pk)
    return requested


def _request_for_version(version: ModelVersion, *, is_default: bool) -> int:
    images = Image.objects.filter(project__archived_at=None).exclude(status=ImageStatus.FAILED)
    users = images.filter(project__model_version=version)
    if is_default:
        users = users | images.filter(project__model_version=None)
    present = ImageEmbedding.objects.filter(model_version=version, crop_box="full").values("sha256")
    missing = list(users.exclude(sha256__in=present).order_by("position", "pk")[:AT_ONCE])
    for image in missing:
        request_processing(image, version)
    return len(missing)


def _ids_in_tasks(task_path: str, *statuses: TaskResultStatus) -> set[int]:
    rows = DBTaskResult.objects.filter(task_path=task_path, status__in=statuses)
    return {args["args"][0] for args in rows.values_list("args_kwargs", flat=True) if args["args"]}


def _stale() -> datetime:
    return timezone.now() - timedelta(seconds=settings.WORKER_STALE_SECONDS)
