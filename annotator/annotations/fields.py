"""Check what an operation wants to set and turn it into column values. Masks are measured here, not by the client."""

import json
from datetime import datetime
from typing import TypedDict, cast

from django.utils.translation import gettext as _

from annotator import sam_gateway
from annotator.accounts.models import User
from annotator.annotations.commands import OperationFields
from annotator.annotations.mask_fields import MASK_FIELDS, OBJECT_SIZES
from annotator.inference.models import ModelVersion
from annotator.json_types import JsonObject
from annotator.words.stored import say

_CLEARABLE = {"label_id", *(field.name for field in MASK_FIELDS if field.is_nullable)}


class OperationRejectedError(Exception):
    """An operation that can never be applied as it is."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class MaskColumns(TypedDict):
    """A mask and what was measured of it: the box (x, y, width, height) and the area, in pixels."""

    counts: str
    bbox_x: int
    bbox_y: int
    bbox_w: int
    bbox_h: int
    area: int


class Columns(TypedDict, total=False):
    """Column values of a mask's row, as far as they are set; of the mask fields, those are named that are looked at."""

    label_id: int | None
    counts: str
    bbox_x: int
    bbox_y: int
    bbox_w: int
    bbox_h: int
    area: int
    state: str
    provenance: JsonObject
    model_version_id: int | None
    author: User | None
    decided_at: datetime | None


def checked_fields(fields: OperationFields, *, size: tuple[int, int], label_ids: frozenset[int]) -> Columns:
    """Return column values for the given fields; size is (height, width). Raise OperationRejectedError."""
    given = {name: value for name, value in fields.items() if value is not None or name in _CLEARABLE}
    values = cast("Columns", given)
    if values.get("label_id") is not None and values["label_id"] not in label_ids:
        raise OperationRejectedError("no_such_label", _("The project has no such label."))
    for name, limit in OBJECT_SIZES.items():
        _bound(given, name, limit)
    if "counts" in values:
        values = {**values, **measured_mask(values["counts"], size=size)}
    if "provenance" in values:
        values["model_version_id"] = _find_model(values["provenance"])
    return values


def measured_mask(counts: str, *, size: tuple[int, int]) -> MaskColumns:
    """Decode counts at (height, width) and return counts, bbox_x, bbox_y, bbox_w, bbox_h and area."""
    try:
        mask = sam_gateway.measure_mask(counts, size=size)
    except sam_gateway.MaskRefusedError as error:
        message = _("The mask cannot be read: %(reason)s") % {"reason": say(str(error))}
        raise OperationRejectedError("bad_counts", message) from error
    if mask.area == 0:
        raise OperationRejectedError("empty_mask", _("The mask has no pixels."))
    x, y, w, h = mask.bbox_xywh
    return {"counts": mask.counts, "bbox_x": x, "bbox_y": y, "bbox_w": w, "bbox_h": h, "area": mask.area}


def _bound(values: dict[str, object], name: str, limit: int) -> None:
    if name in values and len(json.dumps(values[name])) > limit:
        raise OperationRejectedError(
            "too_large", _("%(name)s may hold %(n)s kB at most.") % {"name": name, "n": limit // 1024}
        )


def _find_model(provenance: JsonObject) -> int | None:
    version = provenance.get("model_version")
    if not isinstance(version, str):
        return None
    return ModelVersion.objects.filter(version=version).values_list("pk", flat=True).first()
