"""Look over what is about to be exported: what is empty, double, outside, tiny or without a label, each with a link.

Nothing is changed. Must not know: formats, files.
"""

from collections.abc import Callable, Sequence
from itertools import groupby, islice
from typing import Any

from annotator.exchange.rows import ImageRow, MaskRow, Selection
from annotator.exchange.tally import LISTED
from annotator.mask_gateway import iou_matrix, measure_masks
from annotator.sam_gateway import MeasuredMask

DUPLICATE_IOU = 0.95
SPECK_AREA_PX = 10
IMAGES_AT_ONCE = 100
CHECKS = {
    "empty": "The mask has no pixels.",
    "broken": "The mask cannot be read at the size of its photo: part of it is outside, or it is damaged.",
    "speck": f"The mask has fewer than {SPECK_AREA_PX} pixels.",
    "no_label": "The mask has no label.",
    "duplicate": f"Two masks of one label overlap by more than {DUPLICATE_IOU:.0%}.",
}
OnProgress = Callable[[int, int], bool]


class Findings:
    """Counts of each kind of finding, and the first LISTED of each."""

    def __init__(self, project_pk: int) -> None:
        self._project_pk = project_pk
        self.masks = self.images = 0
        self.counts = dict.fromkeys(CHECKS, 0)
        self.listed: dict[str, list[dict[str, Any]]] = {check: [] for check in CHECKS}

    def add(self, check: str, image: ImageRow, row: MaskRow, **more: Any) -> None:
        """Note one finding."""
        self.counts[check] += 1
        if len(self.listed[check]) < LISTED:
            url = f"/projects/{self._project_pk}/images/{image.pk}/?annotation={row.pk}"
            entry = {"annotation_id": str(row.pk), "image_id": image.pk, "image": image.file_name, "url": url, **more}
            self.listed[check].append(entry)

    def report(self) -> dict[str, Any]:
        """Return {images, masks, findings: [{check, message, count, examples}]}; only what was found."""
        found = [
            {"check": check, "message": CHECKS[check], "count": count, "examples": self.listed[check]}
            for check, count in self.counts.items()
            if count
        ]
        return {"images": self.images, "masks": self.masks, "findings": found}


def check_selection(selection: Selection, *, on_progress: OnProgress = lambda _done, _total: True) -> Any:
    """Return the report over all chosen masks, or None when on_progress(done, total) said to stop."""
    findings = Findings(selection.project.pk)
    plan = selection.list_image_ids()
    for first in range(0, len(plan), IMAGES_AT_ONCE):
        images = selection.load_images(plan[first : first + IMAGES_AT_ONCE], first_number=first + 1)
        for image, pairs in groupby(selection.iterate_masks(images), key=lambda pair: pair[0]):
            _check_image(image, [row for _, row in pairs], findings)
        findings.images += len(images)
        if not on_progress(min(first + IMAGES_AT_ONCE, len(plan)), len(plan)):
            return None
    return findings.report()


def _check_image(image: ImageRow, rows: Sequence[MaskRow], findings: Findings) -> None:
    findings.masks += len(rows)
    sound: list[tuple[MaskRow, MeasuredMask]] = []
    for row, measured in zip(rows, measure_masks([r.counts for r in rows], [image.size] * len(rows)), strict=True):
        if row.label_pk is None:
            findings.add("no_label", image, row)
        if not isinstance(measured, MeasuredMask):
            findings.add("broken", image, row, message=str(measured))
        elif measured.area == 0:
            findings.add("empty", image, row)
        else:
            if measured.area < SPECK_AREA_PX:
                findings.add("speck", image, row, area=measured.area)
            sound.append((row, measured))
    _check_twins(image, sound, findings)


def _check_twins(image: ImageRow, sound: list[tuple[MaskRow, MeasuredMask]], findings: Findings) -> None:
    """Compare masks of one label and of nearly one area: for an IoU above 0.95 the areas' ratio must be, too."""
    by_label: dict[int | None, list[tuple[MaskRow, MeasuredMask]]] = {}
    for row, measured in sound:
        by_label.setdefault(row.label_pk, []).append((row, measured))
    for masks in by_label.values():
        masks.sort(key=lambda pair: pair[1].area)
        for place, (row, measured) in enumerate(masks):
            later = islice(masks, place + 1, None)
            for other, candidate in later:
                if measured.area < DUPLICATE_IOU * candidate.area:
                    break
                if not _boxes_agree(measured, candidate):
                    continue
                iou = iou_matrix([measured.counts], [candidate.counts], image.size)[0][0]
                if iou > DUPLICATE_IOU:
                    findings.add("duplicate", image, row, other=str(other.pk), iou=round(iou, 4))


def _boxes_agree(left: MeasuredMask, right: MeasuredMask) -> bool:
    (x0, y0, w0, h0), (x1, y1, w1, h1) = left.bbox_xywh, right.bbox_xywh
    width = min(x0 + w0, x1 + w1) - max(x0, x1)
    height = min(y0 + h0, y1 + h1) - max(y0, y1)
    # The intersection lies in both boxes, so a small common box rules out a large common area.
    return width > 0 and height > 0 and width * height >= DUPLICATE_IOU * min(left.area, right.area)
