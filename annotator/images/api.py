"""Endpoints of images and their pictures. Adding images is annotator.intake's."""

from typing import IO, Literal

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from ninja import Router, Status

from annotator.accounts.authentication import user_of
from annotator.errors import InvalidError, MissingError, UnavailableError
from annotator.http.immutable import as_download, is_unchanged, send_bytes
from annotator.images import schemas, selectors, services
from annotator.images.brightness import brightness_of, set_brightness
from annotator.images.models import Image, ImageStatus
from annotator.images.tasks import prepare_image
from annotator.inference.crop_names import crop_name
from annotator.inference.embedding_requests import (
    SOMEBODY_WAITS,
    hurry_embedding,
    request_embedding,
    retry_embedding,
)
from annotator.inference.models import EmbeddingStatus
from annotator.inference.selectors import embedding_url, find_embedding, model_version_of
from annotator.photos import store, tiles
from annotator.photos.decoding import MIME_TYPES
from annotator.photos.errors import PhotoRefusedError
from annotator.photos.naming import last_part
from annotator.projects.access import Right, get_project

router = Router(tags=["images"])
MIN_CROP_SIDE_PX = 32


@router.get("/projects/{int:project_id}/images", response=schemas.ImagePage)
def list_images(
    request: HttpRequest,
    project_id: int,
    page: int = 1,
    page_size: int = 60,
    status: str = "",
    search: str = "",
    tag: str = "",
) -> schemas.ImagePage:
    """Return a page of images. `status`: new, in_progress, submitted, reviewed, failed, or waiting to be embedded."""
    project = get_project(user_of(request), project_id)
    return selectors.list_images(project, page=page, page_size=page_size, status=status, search=search, tag=tag)


@router.get("/projects/{int:project_id}/brightness", response=schemas.BrightnessOut)
def get_brightness(request: HttpRequest, project_id: int) -> schemas.BrightnessOut:
    """Return which values of photos beyond 8 bit are shown."""
    return brightness_of(get_project(user_of(request), project_id))


@router.put("/projects/{int:project_id}/brightness", response=schemas.BrightnessOut)
def put_brightness(request: HttpRequest, project_id: int, body: schemas.BrightnessIn) -> schemas.BrightnessOut:
    """Choose which values are shown; previews and embeddings are made again, masks stay."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    return brightness_of(set_brightness(project, **body.dict()))


@router.get("/images/{int:image_id}", response=schemas.ImageDetail)
def get_one_image(request: HttpRequest, image_id: int) -> schemas.ImageDetail:
    """Return what the workspace needs to open an image; a waiting embedding moves to the front."""
    image = selectors.get_image(user_of(request), image_id)
    _hurry(image)
    return selectors.get_image_detail(image)


@router.patch("/images/{int:image_id}", response=schemas.ImageDetail)
def patch_image(request: HttpRequest, image_id: int, body: schemas.ImagePatch) -> schemas.ImageDetail:
    """Change tags or split."""
    image = selectors.get_image(user_of(request), image_id, right=Right.MANAGE)
    changes = body.dict(exclude_unset=True, exclude_none=True)
    for name, value in changes.items():
        setattr(image, name, value)
    if changes:
        image.save(update_fields=list(changes))
    return selectors.get_image_detail(image)


@router.delete("/images/{int:image_id}", response={204: None})
def delete_image(request: HttpRequest, image_id: int, masks: Literal["", "delete"] = "") -> Status[None]:
    """Delete an image for good with its masks, their history and its comments; there is no way back.

    Where people or the model made masks that were accepted, `masks=delete` must say that they go too; without it 409
    `image_has_masks` tells what the image holds: {masks, comments, held_by: names of people who work on it now}.
    """
    image = selectors.get_image(user_of(request), image_id, right=Right.MANAGE)
    services.delete_image(image, masks_at_most=None if masks == "delete" else 0)
    return Status(204, None)


@router.post("/images/{int:image_id}/retry", response=schemas.ImageDetail)
def retry_image(request: HttpRequest, image_id: int) -> schemas.ImageDetail:
    """Prepare and embed an image again after a failure."""
    image = selectors.get_image(user_of(request), image_id, right=Right.ANNOTATE)
    if image.status != ImageStatus.READY:
        prepare_image.using(priority=SOMEBODY_WAITS).enqueue(image.pk)
    version = model_version_of(image.project)
    if version is None:
        raise UnavailableError(_("There is no model to embed with yet."), code="no_model")
    retry_embedding(request_embedding(image.picture, version, priority=SOMEBODY_WAITS))
    return selectors.get_image_detail(image)


@router.post("/images/{int:image_id}/crop-embeddings", response=schemas.CropOut)
def create_crop_embedding(request: HttpRequest, image_id: int, body: schemas.CropIn) -> schemas.CropOut:
    """Ask for the embedding of a part of the image, for work on small objects, or of it flipped."""
    image = selectors.get_image(user_of(request), image_id, right=Right.ANNOTATE)
    x0, y0, x1, y1 = body.crop_box_xyxy
    # all of a photo that is smaller may be asked for as well: that is how it is flipped
    least_width, least_height = (min(MIN_CROP_SIDE_PX, side) for side in (image.width, image.height))
    if not (0 <= x0 <= x1 - least_width and x1 <= image.width and 0 <= y0 <= y1 - least_height and y1 <= image.height):
        raise InvalidError(_("The crop box lies outside the image or is smaller than 32 pixels."), code="bad_crop_box")
    version = selectors.version_for(image, body.model_version)
    name = crop_name(body.crop_box_xyxy, is_flipped=body.is_flipped)
    row = request_embedding(image.picture, version, crop_box=name, priority=SOMEBODY_WAITS)
    is_ready = row.status == EmbeddingStatus.READY
    return {"key": row.key, "status": row.status, "url": embedding_url(row) if is_ready else None}


@router.get("/images/{int:image_id}/thumbnail")
def get_thumbnail(request: HttpRequest, image_id: int, v: str = "") -> HttpResponseBase:
    """Return the thumbnail, 320 px long at most."""
    image = selectors.get_image(user_of(request), image_id)
    if answer := is_unchanged(request, _etag(image, "thumbnail")):
        return answer
    try:
        content = store.open_part(image.picture, store.THUMBNAIL)
    except FileNotFoundError:
        raise _not_yet() from None
    return send_bytes(
        request, content, content_type="image/webp", etag=_etag(image, "thumbnail"), is_versioned=_names(image, v)
    )


@router.get("/images/{int:image_id}/preview")
def get_preview(request: HttpRequest, image_id: int, v: str = "") -> HttpResponseBase:
    """Return the preview, 2048 px long at most; made on the spot when the worker has not come by yet."""
    image = selectors.get_image(user_of(request), image_id)
    if answer := is_unchanged(request, _etag(image, "preview")):
        return answer
    content: IO[bytes] | bytes
    try:
        content = store.open_part(image.picture, store.PREVIEW)
    except FileNotFoundError:
        content = _make_preview(image)
    return send_bytes(
        request, content, content_type="image/jpeg", etag=_etag(image, "preview"), is_versioned=_names(image, v)
    )


@router.get("/images/{int:image_id}/tiles/{int:level}/{int:x}/{int:y}")
def get_tile(request: HttpRequest, image_id: int, level: int, x: int, y: int, v: str = "") -> HttpResponseBase:
    """Return one tile of 512 px."""
    image = selectors.get_image(user_of(request), image_id)
    etag = _etag(image, f"{level}-{x}-{y}")
    if answer := is_unchanged(request, etag):
        return answer
    if not tiles.has_tile(image.width, image.height, level=level, x=x, y=y):
        raise MissingError(_("There is no such tile."))
    try:
        data = tiles.read_tile(image.picture, level=level, x=x, y=y)
    except FileNotFoundError:
        raise _not_yet() from None
    if data is None:
        raise MissingError(_("There is no such tile."))
    return send_bytes(request, data, content_type="image/jpeg", etag=etag, is_versioned=_names(image, v))


@router.get("/images/{int:image_id}/original")
def get_original(request: HttpRequest, image_id: int, v: str = "") -> HttpResponseBase:
    """Return the file as it was sent, as a download."""
    image = selectors.get_image(user_of(request), image_id)
    if answer := is_unchanged(request, _etag(image, "original")):
        return answer
    try:
        content = store.open_part(image.sha256, store.ORIGINAL)
    except FileNotFoundError:
        raise MissingError(_("The photo's file is missing.")) from None
    content_type = MIME_TYPES.get(image.format, "application/octet-stream")
    etag = _etag(image, "original")
    response = send_bytes(request, content, content_type=content_type, etag=etag, is_versioned=_names(image, v))
    return as_download(response, last_part(image.name))


def _hurry(image: Image) -> None:
    version = model_version_of(image.project)
    row = find_embedding(image.picture, version) if version else None
    if row is not None:
        hurry_embedding(row)


def _make_preview(image: Image) -> bytes:
    try:
        return services.make_preview(image)
    except PhotoRefusedError as error:
        refusal = UnavailableError if error.code == "preparing" else MissingError
        raise refusal(error.message, code=error.code) from error
    except FileNotFoundError:
        raise MissingError(_("The photo's file is missing.")) from None


def _not_yet() -> UnavailableError:
    return UnavailableError(_("The picture is being made."), code="preparing")


def _etag(image: Image, part: str) -> str:
    return f"{image.sha256[:32]}{image.picture[64:]}-{part}"


def _names(image: Image, version: str) -> bool:
    return bool(version) and image.picture_tag.startswith(version)
