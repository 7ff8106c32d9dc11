"""How far a project is: embeddings, masks and finished images, in a constant number of queries."""

from dataclasses import asdict, dataclass

from django.db.models import Count, F, Q, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext as _

from annotator.annotations.models import Annotation, State
from annotator.automatic.embedding_jobs import open_job
from annotator.images.models import Image, ImageStatus
from annotator.images.selectors import file_url
from annotator.inference.models import EmbeddingStatus, ImageEmbedding
from annotator.inference.selectors import embedding_statuses, model_version_of
from annotator.projects.models import Project
from annotator.words.stored import say

DONE_STATUSES = ("submitted", "reviewed")


@dataclass(frozen=True)
class EmbeddingProgress:
    """Images of a project by the state of their embedding with the version in force.

    `usable` counts those that can be clicked, be it with an embedding of the version before; `is_under_way` says
    whether the others are being embedded: with a newly chosen version only when somebody asked for it.
    """

    total: int
    ready: int
    failed: int
    usable: int
    is_under_way: bool = True

    @property
    def waiting(self) -> int:
        """Return how many are still to come."""
        return self.total - self.ready - self.failed if self.is_under_way else 0

    @property
    def shown(self) -> int:
        """Return how many of the bar are done: with the version in force, or at all where nothing is under way."""
        return self.ready if self.is_under_way else self.usable

    @property
    def line(self) -> str:
        """Return the sentence that people read."""
        if self.total == 0:
            return _("No images yet")
        if self.ready == self.total:
            return _("All images are ready to click")
        numbers = {"ready": self.ready, "total": self.total, "usable": self.usable, "before": self.usable - self.ready}
        return self._sentence() % numbers

    def _sentence(self) -> str:
        if self.is_under_way and self.usable == self.total:
            return _(
                "Embedding with another model: %(ready)s of %(total)s images ready; all can be clicked, "
                "%(before)s with the model before"
            )
        if self.waiting:
            return _("Embedding: %(ready)s of %(total)s images ready")
        if self.usable > self.ready:
            return _("%(usable)s of %(total)s images can be clicked, %(before)s of them with the model before")
        return _("%(ready)s of %(total)s images are ready to click")

    def as_dict(self) -> dict[str, int | str]:
        """Return the numbers and the sentence for JSON."""
        return {**asdict(self), "waiting": self.waiting, "shown": self.shown, "line": self.line}


def embedding_progress(project: Project) -> EmbeddingProgress:
    """Count the project's images by embedding state; a photo that proved damaged counts as failed."""
    images = Image.objects.filter(project=project)
    version = model_version_of(project)
    rows = ImageEmbedding.objects.filter(model_version=version, crop_box="full")
    ready = rows.filter(status=EmbeddingStatus.READY).values("sha256")
    failed = rows.filter(status=EmbeddingStatus.FAILED).values("sha256")
    any_ready = ImageEmbedding.objects.filter(crop_box="full", status=EmbeddingStatus.READY).values("sha256")
    sound = images.exclude(status=ImageStatus.FAILED)
    awaits_first = sound.exclude(picture__in=any_ready).exclude(picture__in=failed)
    return EmbeddingProgress(  # of images, not of contents: two images may share one embedding
        total=images.count(),
        ready=images.filter(picture__in=ready).count(),
        failed=images.filter(Q(status=ImageStatus.FAILED) | Q(picture__in=failed)).count(),
        usable=sound.filter(picture__in=any_ready).count(),
        is_under_way=open_job(project) is not None or awaits_first.exists(),
    )


def image_states(project: Project, image_ids: list[int]) -> dict[int, dict[str, object]]:
    """Return state ("ready", "failed", "running", "pending"), error and mask count of some images."""
    images = list(Image.objects.filter(project=project, pk__in=image_ids))
    hashes, version = [image.picture for image in images], model_version_of(project)
    statuses = embedding_statuses(hashes, version)
    failed = ImageEmbedding.objects.filter(
        sha256__in=hashes, model_version=version, crop_box="full", status=EmbeddingStatus.FAILED
    )
    errors = dict(failed.values_list("sha256", "error"))
    masks = count_masks([image.pk for image in images])
    return {
        image.pk: {
            "state": "failed" if image.status == ImageStatus.FAILED else statuses.get(image.picture, "pending"),
            "error": say(image.error or errors.get(image.picture, "")),
            "masks": masks.get(image.pk, 0),
        }
        for image in images
    }


def count_masks(image_ids: list[int]) -> dict[int, int]:
    """Count the accepted masks of each image."""
    rows = Annotation.objects.filter(image__in=image_ids, deleted_at=None, state=State.ACCEPTED).order_by()
    return dict(rows.values_list("image_id").annotate(n=Count("pk")))


def cover_images(project_ids: list[int], *, per_project: int = 4) -> dict[int, list[str]]:
    """Return the thumbnail addresses of each project's first images."""
    rank = Window(RowNumber(), partition_by=F("project_id"), order_by=["position", "pk"])
    rows = Image.objects.filter(project__in=project_ids).annotate(rank=rank).filter(rank__lte=per_project)
    covers: dict[int, list[str]] = {}
    for image in rows:
        covers.setdefault(image.project_id, []).append(file_url(image, "thumbnail"))
    return covers
