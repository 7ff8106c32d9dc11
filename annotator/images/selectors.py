"""Read images for one person."""

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from annotator.accounts.models import User
from annotator.errors import ConflictError, MissingError, UnavailableError
from annotator.images.models import Image, ImageStatus, WorkStatus
from annotator.images.schemas import ImageDetail, ImagePage, ImageRow, NeighboursOut, TilesOut
from annotator.images.tags import has_tag
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.inference.selectors import (
    describe_embedding,
    embedding_statuses,
    model_version_of,
    usable_embedding,
    version_for_page,
)
from annotator.inference.tiles import tiles_of
from annotator.photos.decoding import fit_within
from annotator.photos.tiles import PREVIEW_SIDE_PX, TILE_SIZE_PX, tile_levels
from annotator.projects.access import Right, require_right
from annotator.projects.models import Project
from annotator.words.stored import say

MAX_PAGE_SIZE = 200
MAX_PAGE = 1_000_000
BEGUN = "begun"  # in the queue like a new one, but it holds masks already


def get_image(user: User, image_id: int, *, right: Right = Right.VIEW) -> Image:
    """Return the image when the user has the right on its project; raise MissingError or ForbiddenError."""
    image = Image.objects.select_related("project__model_version").filter(pk=image_id).first()
    if image is None:
        raise MissingError(_("There is no such image."))
    try:
        require_right(user, image.project_id, right=right)
    except MissingError:
        raise MissingError(_("There is no such image.")) from None
    return image


def list_images(
    project: Project, *, page: int = 1, page_size: int = 60, status: str = "", search: str = "", tag: str = ""
) -> ImagePage:
    """Return one page of images."""
    version = model_version_of(project)
    rows = _filter_images(Image.objects.filter(project=project), status=status, version=version)
    if search:
        rows = rows.filter(name__icontains=search)
    if tag:
        rows = rows.filter(has_tag(tag))
    page_size = max(1, min(page_size, MAX_PAGE_SIZE))
    page = max(1, min(page, MAX_PAGE))
    start = (page - 1) * page_size
    images = list(rows[start : start + page_size])
    statuses = embedding_statuses([image.picture for image in images], version)
    items = [describe_row(image, embedding_status=statuses.get(image.picture, "missing")) for image in images]
    return {"items": items, "page": page, "page_size": page_size, "total": rows.count()}


def version_for(image: Image, asked: str) -> ModelVersion:
    """Return the model version that answers for an image; `asked` is the one that a page opened it with, or empty.

    Raises UnavailableError where there is no model, ConflictError (`embedding_not_ready`) where the version that the
    page names has no embedding of the image.
    """
    chosen = model_version_of(image.project)
    if chosen is None:
        raise UnavailableError(_("There is no model to embed with yet."), code="no_model")
    version = version_for_page(image.picture, chosen, asked)
    if version is None:
        raise ConflictError(_("The embedding is not ready."), code="embedding_not_ready")
    return version


def has_masks() -> Exists:
    """Return whether an image holds accepted masks: it is not untouched then, whoever may go on with it."""
    holding = Image.objects.filter(annotations__deleted_at=None, annotations__state="accepted")
    return Exists(holding.filter(pk=OuterRef("pk")))


def describe_row(image: Image, *, embedding_status: str) -> ImageRow:
    """Return the ImageRow dictionary of a list."""
    return {
        "id": image.pk,
        "name": image.name,
        "width": image.width,
        "height": image.height,
        "byte_size": image.byte_size,
        "sha256": image.sha256,
        "status": image.status,
        "work_status": image.work_status,
        "error": say(image.error),
        "tags": image.tags,
        "embedding_status": embedding_status,
        "thumbnail_url": file_url(image, "thumbnail"),
        "created_at": image.created_at,
    }


def get_image_detail(image: Image) -> ImageDetail:
    """Return the ImageDetail dictionary; access has been checked."""
    version = model_version_of(image.project)
    embedding = usable_embedding(image.picture, version)
    width, height = fit_within(image.width, image.height, long_side=PREVIEW_SIDE_PX)
    tiles = tiles_of((image.height, image.width), embedding.model_version if embedding else version)
    return {
        **describe_row(image, embedding_status=embedding.status if embedding else "missing"),
        "project_id": image.project_id,
        "stage": image.stage,
        "split": image.split,
        "preview": {"url": file_url(image, "preview"), "width": width, "height": height},
        "tiles": _describe_tiles(image),
        "embedding": describe_embedding(embedding, version=version, tiles=tiles),
        **_neighbours(image),
    }


def file_url(image: Image, part: str) -> str:
    """Return the immutable address of one picture of the image."""
    return f"/api/v1/images/{image.pk}/{part}?v={image.picture_tag}"


def _describe_tiles(image: Image) -> TilesOut | None:
    levels = tile_levels(image.width, image.height)
    if not levels or image.status != ImageStatus.READY:
        return None
    template = f"/api/v1/images/{image.pk}/tiles/{{level}}/{{x}}/{{y}}?v={image.picture_tag}"
    return {"tile_size": TILE_SIZE_PX, "levels": levels, "url_template": template}


def _neighbours(image: Image) -> NeighboursOut:
    rows = Image.objects.filter(project_id=image.project_id)
    before = rows.filter(Q(position__lt=image.position) | Q(position=image.position, pk__lt=image.pk))
    after = rows.filter(Q(position__gt=image.position) | Q(position=image.position, pk__gt=image.pk))
    return {
        "previous_id": before.order_by("-position", "-pk").values_list("pk", flat=True).first(),
        "next_id": after.order_by("position", "pk").values_list("pk", flat=True).first(),
        "position": before.count() + 1,
        "total": rows.count(),
    }


def _filter_images(rows: QuerySet[Image], *, status: str, version: ModelVersion | None) -> QuerySet[Image]:
    if status in (WorkStatus.NEW, BEGUN):
        waiting = rows.filter(work_status=WorkStatus.NEW)
        return waiting.filter(has_masks()) if status == BEGUN else waiting.exclude(has_masks())
    if status in WorkStatus.values:
        return rows.filter(work_status=status)
    embeddings = ImageEmbedding.objects.filter(model_version=version, crop_box="full")
    if status == "failed":
        failed = embeddings.filter(status=EmbeddingStatus.FAILED).values("sha256")
        return rows.filter(Q(status=ImageStatus.FAILED) | Q(picture__in=failed))
    if status == "waiting":
        any_version = ImageEmbedding.objects.filter(crop_box="full", status=EmbeddingStatus.READY)
        ready = any_version.values("sha256")
        return rows.exclude(status=ImageStatus.FAILED).exclude(picture__in=ready)
    return rows
