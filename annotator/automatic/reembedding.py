"""Embed photos with a newly chosen model version: which lack it, what that costs, and the job that does it.

Nobody waits for it: a photo is worked on with the version before until its own embedding is there. Photos without masks
come first, because people have still to come to them.
"""

from collections.abc import Callable, Iterator
from functools import partial

from django.conf import settings
from django.db.models import Case, IntegerField, QuerySet, Value, When
from typing_extensions import TypedDict

from annotator.full_disk import DiskFullError, explain_full_disk
from annotator.images.models import Image, ImageStatus, WorkStatus
from annotator.images.selectors import has_masks
from annotator.inference.crop_names import FULL
from annotator.inference.embedding_requests import request_embedding
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.inference.selectors import measured_speed, model_version_of
from annotator.inference.services import compute_embedding
from annotator.jobs import outcomes
from annotator.jobs import services as jobs
from annotator.jobs.models import Job
from annotator.projects.models import Project

KIND = "embed"  # of the job
AT_ONCE = 200
TIMED = 3  # photos that tell how fast a version is that nothing was embedded with yet
SUBMITTED = (WorkStatus.SUBMITTED, WorkStatus.REVIEWED)


class Cost(TypedDict):
    """What embedding would take: photos, and the seconds of one worker at the speed of the latest `measured` ones.

    `seconds` is null while nothing was embedded with the version on this server.
    """

    photos: int
    seconds: float | None
    measured: int


def following_projects() -> QuerySet[Project]:
    """Return the projects that follow the server's default."""
    return Project.objects.filter(model_version=None, archived_at=None, deleted_at=None).order_by("pk")


def photos_to_embed(
    projects: QuerySet[Project], version: ModelVersion, *, but: tuple[str, ...] = ()
) -> QuerySet[Image]:
    """Return the images whose picture has no embedding of the version that is ready or in one of the statuses `but`."""
    statuses = (EmbeddingStatus.READY, *but)
    done = ImageEmbedding.objects.filter(model_version=version, crop_box=FULL, status__in=statuses).values("sha256")
    images = Image.objects.filter(project__in=projects.order_by().values("pk"))
    return images.exclude(status=ImageStatus.FAILED).exclude(picture__in=done)


def cost_of(projects: QuerySet[Project], version: ModelVersion | None) -> Cost:
    """Return what it takes to embed what these projects lack of a version."""
    if version is None:
        return {"photos": 0, "seconds": None, "measured": 0}
    photos = photos_to_embed(projects, version).order_by().values("picture").distinct().count()
    speed = measured_speed(version)
    seconds = None if speed.seconds is None else photos * speed.seconds
    return {"photos": photos, "seconds": seconds, "measured": speed.measured}


def measure_speed(projects: QuerySet[Project], version: ModelVersion | None) -> None:
    """Embed a few photos with a version that nothing was embedded with yet, so that the cost of the rest is known."""
    if version is None or measured_speed(version).measured:
        return
    for picture in photos_to_embed(projects, version).order_by().values_list("picture", flat=True)[:TIMED]:
        request_embedding(picture, version)


def try_failed_again(project: Project, version: ModelVersion) -> None:
    """Let embeddings of a version that failed wait once more."""
    pictures = Image.objects.filter(project=project).values("picture")
    failed = ImageEmbedding.objects.filter(model_version=version, crop_box=FULL, status=EmbeddingStatus.FAILED)
    failed.filter(sha256__in=pictures).update(status=EmbeddingStatus.PENDING, attempts=0, error="")


def embed_photos(job: Job) -> None:
    """Do the job: embed what lacks the version that was asked for; it ends where another was chosen meanwhile."""
    version = model_version_of(job.project)
    if version is None or job.params.get("version", version.version) != version.version:
        jobs.cancel_job(job)
        return
    if outcomes.begin_count(job):
        try_failed_again(job.project, version)
    job.total = job.done + _left(job.project, version).count()
    if jobs.run_steps(job, _steps(job, version)):
        outcomes.end_counted(job)


def _left(project: Project, version: ModelVersion) -> QuerySet[Image]:
    own = Project.objects.filter(pk=project.pk)
    return photos_to_embed(own, version, but=(EmbeddingStatus.FAILED,))


def _steps(job: Job, version: ModelVersion) -> Iterator[Callable[[], None]]:
    """Yield a step for each photo, those without masks first, in the project's order; some ids are read at once."""
    urgency = Case(
        When(work_status__in=SUBMITTED, then=Value(2)),
        When(has_masks(), then=Value(1)),
        default=Value(0),
        output_field=IntegerField(),
    )
    rows = _left(job.project, version).annotate(urgency=urgency).order_by("urgency", "position", "pk")
    held: list[int] = []  # by other workers, so that they stay among those that lack it
    while ids := list(rows.exclude(pk__in=held).values_list("pk", flat=True)[:AT_ONCE]):
        yield from (partial(_embed, job, version, image_id) for image_id in ids)
        held += rows.filter(pk__in=ids).values_list("pk", flat=True)


def _embed(job: Job, version: ModelVersion, image_id: int) -> None:
    """Embed one photo, as often as a task would try; raise DiskFullError, which lets the job go on with this one."""
    image = Image.objects.filter(pk=image_id).first()
    if image is None:
        return
    row = request_embedding(image.picture, version)
    for _try in range(settings.MAX_TASK_ATTEMPTS):
        if row.status != EmbeddingStatus.PENDING:
            break
        compute_embedding(row.pk)
        row.refresh_from_db()
    if row.status == EmbeddingStatus.PENDING and row.error == explain_full_disk():
        raise DiskFullError
    is_missed = row.status in (EmbeddingStatus.FAILED, EmbeddingStatus.PENDING)
    problem = (row.error or "The embedding failed.") if is_missed else ""
    outcomes.count_item(job, problem=problem, image_id=image.pk, name=image.name)
