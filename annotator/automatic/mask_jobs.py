"""Jobs that let the model run over many images: pre-filling a project, annotating it.

Each image is one idempotent step. The cursor is the last image's id, so images that come or go meanwhile do no harm.
"""

from collections.abc import Callable, Iterator
from functools import partial

from django.db.models import Exists, OuterRef, QuerySet

from annotator.automatic.mask_runs import current_digest, run_image
from annotator.automatic.models import MaskRun, RunKind, RunStatus
from annotator.images.models import Image, ImageStatus, WorkStatus
from annotator.jobs import outcomes
from annotator.jobs import services as jobs
from annotator.jobs.models import Job
from annotator.projects.models import Project, Stage
from annotator.queue.models import Lease

Step = Callable[[Image], str]


def images_to_prefill(project: Project, *, job: Job | None = None) -> QuerySet[Image]:
    """Return the images that nobody has submitted and that lack suggestions of the present model and thresholds.

    What somebody holds for annotating by hand stays as it is: an image in somebody's hands keeps its stage.
    What the job itself has made counts as lacking: a worker may die between an image's masks and the job's progress,
    and such an image is to be in the job's figures, too.
    """
    held = Lease.objects.living().filter(image=OuterRef("pk"), stage=Stage.ASSISTED_MANUAL)
    done = MaskRun.objects.filter(image=OuterRef("pk"), kind=RunKind.PREFILL, digest=current_digest(project))
    if job is not None:
        done = done.exclude(job=job)
    waiting = Image.objects.filter(project=project, work_status__in=(WorkStatus.NEW, WorkStatus.IN_PROGRESS))
    lacking = waiting.exclude(status=ImageStatus.FAILED).filter(~Exists(done.exclude(status=RunStatus.REPLACED)))
    return lacking.filter(~Exists(held))


def images_to_annotate(project: Project, image_ids: list[int] | None) -> QuerySet[Image]:
    """Return the images of an automatic run: the chosen ones, or all."""
    rows = Image.objects.filter(project=project).exclude(status=ImageStatus.FAILED)
    return rows if image_ids is None else rows.filter(pk__in=image_ids)


def prefill_project(job: Job) -> None:
    """Do a pre-fill job."""
    _do_images(job, images_to_prefill(job.project, job=job), _mask_step(job, RunKind.PREFILL))


def annotate_project(job: Job) -> None:
    """Do an automatic job."""
    images = images_to_annotate(job.project, job.params.get("image_ids"))
    _do_images(job, images, _mask_step(job, RunKind.AUTOMATIC))


def _mask_step(job: Job, kind: RunKind) -> Step:
    def beat(_done: int, _total: int) -> None:
        if not jobs.beat(job):
            raise jobs.StoppedError

    def step(image: Image) -> str:
        run = run_image(image, kind=kind, job=job, on_beat=beat)
        job.report["masks"] = job.report.get("masks", 0) + run.mask_count
        return run.error

    return step


def _do_images(job: Job, images: QuerySet[Image], step: Step) -> None:
    outcomes.begin_count(job)
    remaining = images.filter(pk__gt=job.state.get("last_id", 0)).order_by("pk")
    job.total = job.done + remaining.count()
    ids = list(remaining.values_list("pk", flat=True))
    if jobs.run_steps(job, _steps(job, ids, step)):
        outcomes.end_counted(job)


def _steps(job: Job, ids: list[int], step: Step) -> Iterator[Callable[[], None]]:
    def do(image_id: int) -> None:
        image = Image.objects.select_related("project__model_version").filter(pk=image_id).first()
        problem = step(image) if image is not None else ""
        outcomes.count_item(job, problem=problem, image_id=image_id, name=image.name if image else "")
        job.state = {"last_id": image_id}

    for image_id in ids:
        yield partial(do, image_id)
