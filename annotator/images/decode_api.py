"""The endpoint that decodes prompts on the server, the last resort of a browser that cannot."""

import base64
import binascii
import json
import struct
from typing import Annotated, Literal

from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Router, Schema
from pydantic import Field
from typing_extensions import TypedDict

from annotator import sam_gateway
from annotator.accounts.authentication import user_of
from annotator.errors import ConflictError, InvalidError
from annotator.images.models import Image
from annotator.images.schemas import VersionLabel
from annotator.images.selectors import get_image, version_for
from annotator.inference.crop_names import crop_name
from annotator.inference.model_store import own_folder
from annotator.inference.models import EmbeddingStatus, ImageEmbedding
from annotator.inference.selectors import find_embedding
from annotator.inference.server_decoding import decode_on_server
from annotator.projects.access import Right
from annotator.sam_answers import DecodeRequest

router = Router(tags=["inference"])
Pixel = Annotated[float, Field(ge=-1, le=1_000_000, allow_inf_nan=False)]
CONTENT_TYPE = "application/x-maskwright-logits"


class PointIn(Schema):
    """A click in pixels of the upright photo; label 1 is foreground, 0 background."""

    x: Pixel
    y: Pixel
    label: Literal[0, 1]


class DecodeIn(Schema):
    """One prompt. `mask_input` is base64 of side x side little-endian float32, the logits of the answer before.

    `is_flipped` names the embedding to ask; prompt and answer are as the photo lies. `model_version` is the version
    that the page opened the image with: without it the one in use answers.
    """

    points: list[PointIn] = Field(default_factory=list, max_length=200)
    box_xyxy: tuple[Pixel, Pixel, Pixel, Pixel] | None = None
    mask_input: Annotated[str, Field(max_length=1_000_000)] | None = None
    crop_box_xyxy: tuple[int, int, int, int] | None = None
    is_flipped: bool = False
    model_version: VersionLabel = ""


class DecodeHead(TypedDict):
    """What stands before the logits of an answer, which are 4 x side x side float32 in decoder order."""

    side: int
    predicted_iou: list[float]
    stability_score: list[float]
    chosen: int
    model_version: str


@router.post("/images/{int:image_id}/decode")
def decode_on_the_server(request: HttpRequest, image_id: int, body: DecodeIn) -> HttpResponse:
    """Answer a prompt in binary: 4 bytes little-endian length of a JSON head, the head, then 4 x side x side float32.

    Head: {"side", "predicted_iou": [4], "stability_score": [4], "chosen", "model_version"}.
    """
    image = get_image(user_of(request), image_id, right=Right.ANNOTATE)
    row = _ready_embedding(image, body)
    with default_storage.open(str(row.file.name), "rb") as file:
        data = file.read()
    wanted = DecodeRequest(
        embedding_file=data,
        points_xy=[(point.x, point.y) for point in body.points],
        point_labels=[point.label for point in body.points],
        box_xyxy=body.box_xyxy,
        mask_input=_read_mask(body.mask_input, row),
        original_size=(image.height, image.width),
        crop_box_xyxy=body.crop_box_xyxy,
        is_flipped=body.is_flipped,
    )
    answer = decode_on_server(own_folder(row.model_version, sam_gateway.DECODING_FILES), wanted)
    head: DecodeHead = {
        "side": answer.side,
        "predicted_iou": answer.predicted_iou,
        "stability_score": answer.stability_score,
        "chosen": answer.chosen,
        "model_version": row.model_version.version,
    }
    text = json.dumps(head).encode()
    # Padded so that the floats start on a multiple of 4 and the browser can view them in place.
    text += b" " * (-len(text) % 4)
    return HttpResponse(struct.pack("<I", len(text)) + text + answer.logits, content_type=CONTENT_TYPE)


def _ready_embedding(image: Image, body: DecodeIn) -> ImageEmbedding:
    version = version_for(image, body.model_version)
    crop = body.crop_box_xyxy
    if crop is None and body.is_flipped:
        crop = (0, 0, image.width, image.height)
    row = find_embedding(image.picture, version, crop_name(crop, is_flipped=body.is_flipped))
    if row is None or row.status != EmbeddingStatus.READY or not default_storage.exists(str(row.file.name)):
        raise ConflictError(_("The embedding is not ready."), code="embedding_not_ready")
    return row


def _read_mask(encoded: str | None, row: ImageEmbedding) -> bytes | None:
    if encoded is None:
        return None
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidError(_("mask_input is not base64."), code="bad_mask_input") from error
    side = int(row.model_version.manifest.get("mask_side", 256))
    if len(data) != side * side * 4:
        raise InvalidError(
            _("mask_input must hold %(side)s x %(side2)s float32 values.") % {"side": side, "side2": side},
            code="bad_mask_input",
        )
    return data
