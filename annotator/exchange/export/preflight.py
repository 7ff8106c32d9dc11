"""Look over what is about to be exported: what is empty, double, outside, tiny or without a label, each with a link.

Nothing is changed. Must not know: formats, files.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice
from typing import Any

from django.utils.translation import gettext_noop

from annotator.exchange.base.rows import ImageRow, MaskRow
from annotator.exchange.base.tally import LISTED
from annotator.exchange.export.selection import Selection
from annotator.mask_gateway import iou_matrix, measure_masks
from annotator.sam_answers import MeasuredMask

DUPLICATE_IOU = 0.95
SPECK_AREA_PX = 10
IMAGES_AT_ONCE = 100
CHECKS = {
    "empty": gettext_noop("The mask has no pixels."),
    "broken": gettext_noop(
        "The mask cannot be read at the size of its photo: part of it is outside, or it is damaged."
    ),
    "speck": gettext_noop("The mask has fewer than %(n)s pixels.") % {"n": SPECK_AREA_PX},
    "no_label": gettext_noop("The mask has no label."),
    "duplicate": gettext_noop("Two masks of one label overlap by more than %(iou)s.") % {"iou": f"{DUPLICATE_IOU:.0%}"},
}
Step = Callable[[], None]


class Findings:
    """Counts of each kind of finding, and the first LISTED of each; `passed` images of the plan are behind."""

    def __init__(self, project_pk: int, state: dict[str, Any] | None = None) -> None:
        """Start anew, or go on from what to_state returned."""
        state = state or {}
        self._project_pk = project_pk
        self.passed: int = state.get("passed", 0)
        self.masks: int = state.get("masks", 0)
        self.images: int = state.get("images", 0)
        self.counts: dict[str, int] = state.get("counts", dict.fromkeys(CHECKS, 0))
        self.listed: dict[str, list[dict[str, Any]]] = state.get("listed", {check: [] for check in CHECKS})

    def to_state(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        names = ("passed", "masks", "images", "counts", "listed")
        return {name: getattr(self, name) for name in names}

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


def check_selection(selection: Selection) -> dict[str, Any]:
    """Return the report over all chosen masks."""
    findings = Findings(selection.project.pk)
    for step in check_steps(selection, findings, plan=selection.list_image_ids()):
        step()
    return findings.report()


def check_steps(selection: Selection, findings: Findings, *, plan: Sequence[int]) -> Iterator[Step]:
    """Yield what is left to do: a step for some images, those that findings has not passed."""
    while findings.passed < len(plan):
        yield lambda: _check_some(selection, findings, plan)


def _check_some(selection: Selection, findings: Findings, plan: Sequence[int]) -> None:
    ids = plan[findings.passed : findings.passed + IMAGES_AT_ONCE]
    images = selection.load_images(ids, are_written=False)
    for image, pairs in groupby(selection.iterate_masks(images), key=lambda pair: pair[0]):
        _check_image(image, [row for _, row in pairs], findings)
    findings.images += len(images)
    findings.passed += len(ids)


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
