"""Read what the model has made and what still lacks it."""

from django.db.models import Exists, OuterRef, QuerySet

from annotator.automatic.models import MaskRun, RunKind, RunStatus
from annotator.images.models import Image, ImageStatus, WorkStatus
from annotator.projects.models import Project, Stage


def runs_of_image(kind: RunKind) -> QuerySet[MaskRun]:
    """Return the runs of a kind that stand for the image of an outer query."""
    return MaskRun.objects.filter(image=OuterRef("pk"), kind=kind).exclude(status=RunStatus.REPLACED)


def count_unprepared(project: Project) -> int:
    """Return how many waiting images of a semi-automatic project have no suggestions yet."""
    if project.stage != Stage.SEMI_AUTOMATIC:
        return 0
    rows = Image.objects.filter(project=project, work_status=WorkStatus.NEW).exclude(status=ImageStatus.FAILED)
    return rows.filter(~Exists(runs_of_image(RunKind.PREFILL))).count()
