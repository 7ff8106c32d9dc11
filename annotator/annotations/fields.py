"""Check what an operation wants to set and turn it into column values. Masks are measured here, not by the client."""

import json
from typing import Any

from annotator import sam_gateway
from annotator.inference.models import ModelVersion

MAX_PROVENANCE_BYTES = 256 * 1024
MAX_ATTRIBUTES_BYTES = 32 * 1024
_CLEARABLE = {"label_id", "predicted_iou", "stability_score"}


class OperationRejectedError(Exception):
    """An operation that can never be applied as it is."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def checked_fields(fields: dict[str, Any], *, size: tuple[int, int], label_ids: frozenset[int]) -> dict[str, Any]:
    """Return column values for the given fields; size is (height, width). Raise OperationRejectedError."""
    values = {name: value for name, value in fields.items() if value is not None or name in _CLEARABLE}
    if values.get("label_id") is not None and values["label_id"] not in label_ids:
        raise OperationRejectedError("no_such_label", "The project has no such label.")
    _bound(values, "provenance", MAX_PROVENANCE_BYTES)
    _bound(values, "attributes", MAX_ATTRIBUTES_BYTES)
    if "counts" in values:
        values.update(measured_mask(values["counts"], size=size))
    if "provenance" in values:
        values["model_version_id"] = _find_model(values["provenance"])
    return values


def measured_mask(counts: str, *, size: tuple[int, int]) -> dict[str, Any]:
    """Decode counts at (height, width) and return counts, bbox_x, bbox_y, bbox_w, bbox_h and area."""
    try:
        mask = sam_gateway.measure_mask(counts, size=size)
    except sam_gateway.MaskRefusedError as error:
        raise OperationRejectedError("bad_counts", f"The mask cannot be read: {error}") from error
    if mask.area == 0:
        raise OperationRejectedError("empty_mask", "The mask has no pixels.")
    x, y, w, h = mask.bbox_xywh
    return {"counts": mask.counts, "bbox_x": x, "bbox_y": y, "bbox_w": w, "bbox_h": h, "area": mask.area}


def _bound(values: dict[str, Any], name: str, limit: int) -> None:
    if name in values and len(json.dumps(values[name])) > limit:
        raise OperationRejectedError("too_large", f"{name} may hold {limit // 1024} kB at most.")


def _find_model(provenance: dict[str, Any]) -> int | None:
    version = provenance.get("model_version")
    if not isinstance(version, str):
        return None
    return ModelVersion.objects.filter(version=version).values_list("pk", flat=True).first()
