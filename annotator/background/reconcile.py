"""Find work that a crash, a lost message or a new model left undone, and ask for it again; clear away what is spent.

Everything is asked for by rows that say what is missing, so running this twice, or while workers work, is harmless.
"""

import logging
from collections import Counter
from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from annotator.accounts.sign_in_guard import forget_attempts_to_come
from annotator.audit.services import forget_old_events
from annotator.background.leftovers import remove_leftovers
from annotator.background.old_photos import reread_old_photos
from annotator.background.pulse import living_workers
from annotator.background.purge import purge_binned_projects
from annotator.clock import is_old
from annotator.images.models import Image, ImageStatus
from annotator.images.processing_requests import request_processing
from annotator.images.tasks import prepare_image
from annotator.images.unused_files import remove_left_behind
from annotator.inference.crop_names import FULL
from annotator.inference.embedding_requests import BACKGROUND, BEHIND_WHOLE_PHOTOS, enqueue_embedding
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.inference.selectors import default_model_version
from annotator.inference.spent_crops import remove_spent_crops
from annotator.inference.tasks import embed_image
from annotator.installs.services import remove_spent_uploads
from annotator.intake.bulk import remove_spent_zips
from annotator.jobs.services import requeue_lost_jobs
from annotator.queue.leases import release_expired_everywhere
from annotator.statistics.dashboard_requests import count_everywhere
from annotator.statistics.latency import forget_old_samples
from annotator.training.automatic_improvements import remove_ended_runs, start_due_improvements

logger = logging.getLogger(__name__)
AT_ONCE = 1000
KEEP_FINISHED = timedelta(days=1)
LOST_WORKER = "annotator.background.reconcile.WorkerLostError"


class WorkerLostError(Exception):
    """The worker died each time it tried the task."""


def reconcile_missing(*, may_forget: bool = True) -> Counter[str]:
    """Ask again for everything that is missing, clear away what is spent, and return how much of each there was.

    With `may_forget` false nothing goes that only its age makes spent and that cannot be made again.
    """
    found: Counter[str] = Counter()
    found["revived_tasks"] = _revive_orphaned_tasks()
    found["revived_jobs"] = requeue_lost_jobs()
    found["due_improvements"] = start_due_improvements()
    found["ended_runs"] = remove_ended_runs()
    found["released_images"] = release_expired_everywhere()
    found["counted_later"] = count_everywhere()
    found["spent_zips"] = remove_spent_zips()
    found["unused_photos"] = remove_left_behind()
    found["spent_uploads"] = remove_spent_uploads() if may_forget else 0
    found["leftover_files"] = remove_leftovers()
    found["spent_crops"] = remove_spent_crops()
    found["purged_projects"] = purge_binned_projects() if may_forget else 0
    found["old_events"] = forget_old_events() if may_forget else 0
    found["old_latencies"] = forget_old_samples() if may_forget else 0
    found["attempts_to_come"] = forget_attempts_to_come()
    found["released_embeddings"] = _release_orphaned_embeddings()
    found["embeddings"] = _enqueue_waiting_embeddings()
    found["reread_photos"] = reread_old_photos()
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
    for row in DBTaskResult.objects.running().filter(_is_stale("started_at")):
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
    running = ImageEmbedding.objects.filter(_is_stale("updated_at"), status=EmbeddingStatus.RUNNING)
    orphans = running.exclude(pk__in=_ids_in_tasks(embed_image.module_path, TaskResultStatus.RUNNING))
    orphans.filter(attempts__gte=settings.MAX_TASK_ATTEMPTS).update(
        status=EmbeddingStatus.FAILED, error=_("The worker stopped each time it tried."), updated_at=timezone.now()
    )
    return orphans.update(status=EmbeddingStatus.PENDING, updated_at=F("updated_at"))


def _enqueue_waiting_embeddings() -> int:
    waiting = ImageEmbedding.objects.filter(_is_stale("updated_at"), status=EmbeddingStatus.PENDING)
    queued = _ids_in_tasks(embed_image.module_path, TaskResultStatus.READY, TaskResultStatus.RUNNING)
    found = waiting.values_list("pk", "model_version_id", "crop_box")[: AT_ONCE * 10]
    rows = [row for row in found if row[0] not in queued][:AT_ONCE]
    for pk, version_id, crop_box in rows:
        enqueue_embedding(pk, version_id, priority=BACKGROUND if crop_box == FULL else BEHIND_WHOLE_PHOTOS)
    return len(rows)


def _enqueue_new_images() -> int:
    waiting = Image.objects.filter(_is_stale("created_at"), status=ImageStatus.NEW)
    queued = _ids_in_tasks(prepare_image.module_path, TaskResultStatus.READY, TaskResultStatus.RUNNING)
    ids = [pk for pk in waiting.values_list("pk", flat=True)[: AT_ONCE * 10] if pk not in queued][:AT_ONCE]
    for pk in ids:
        prepare_image.enqueue(pk)
    return len(ids)


def _request_missing_embeddings() -> int:
    """Ask for the embeddings of photos that have none, by the version that their project uses.

    Photos that have one of another version are worked on with that, until somebody asks for the rest.
    """
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
    own, alive = Q(model_version=version), ~Q(status=EmbeddingStatus.FAILED)
    present = ImageEmbedding.objects.filter(own | alive, crop_box=FULL).values("sha256")
    missing = list(users.exclude(picture__in=present).order_by("position", "pk")[:AT_ONCE])
    for image in missing:
        request_processing(image, version)
    return len(missing)


def _ids_in_tasks(task_path: str, *statuses: TaskResultStatus) -> set[int]:
    rows = DBTaskResult.objects.filter(task_path=task_path, status__in=statuses)
    return {args["args"][0] for args in rows.values_list("args_kwargs", flat=True) if args["args"]}


def _is_stale(field: str) -> Q:
    return is_old(field, timedelta(seconds=settings.WORKER_STALE_SECONDS))
