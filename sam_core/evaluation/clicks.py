"""The click protocol: how a mask comes about click by click, and what is kept of it.

The first click is in the middle of the object (the maximum of its distance transform), each next one in the middle
of the largest error region; previous logits are the mask prompt; IoU is taken at the photo's own size. Source of the
protocol: click-segmentation practice (RITM, arXiv 2102.06583), candidates as in Segment Anything. All views of a photo
are ready when it is clicked; "sharpened" is the answer that somebody may ask for after that.

Must not know: training, files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sam_core.multi_view import Answer, Labels, MultiViewPredictor, Points
from sam_core.prompt_kinds import BACKGROUND, BOX, FOREGROUND, PADDING

DROP = 0.05  # a click that lowers the IoU by more than this made the mask much worse
WORSE = 0.01  # and by more than this, worse
CONFIDENT = 0.88  # the published threshold of automatic masks on predicted IoU
PLAUSIBLE = 0.75
CANDIDATES = range(4)

Bool = NDArray[np.bool_]


@dataclass
class Tally:
    """What is kept of every mask: bounded by a few numbers a mask.

    outside: of each follow-up click, the pixels it changed outside the error region that was clicked, over the wanted
    mask's area; spoilt: those of them that are wrong now.
    """

    first: list[float] = field(default_factory=list)
    best: list[float] = field(default_factory=list)
    box: list[float] = field(default_factory=list)
    first_sharpened: list[float] = field(default_factory=list)
    best_sharpened: list[float] = field(default_factory=list)
    box_sharpened: list[float] = field(default_factory=list)
    curves: list[list[float]] = field(default_factory=list)
    outside: list[float] = field(default_factory=list)
    spoilt: list[float] = field(default_factory=list)
    predicted: list[float] = field(default_factory=list)
    actual: list[float] = field(default_factory=list)
    images: int = 0

    def extend(self, other: Tally) -> None:
        """Add another tally's masks and images."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    def report(self, clicks: int) -> dict[str, Any]:
        """Summarise as the figures that are compared between models; IoU in 0..1, clicks as means."""
        curves = np.array(self.curves)
        return {
            "first_click_iou": _mean(self.first),
            "first_click_best_iou": _mean(self.best),
            "iou_after": [_mean(curves[:, i]) for i in range(clicks)],
            "noc85": _mean(clicks_to_reach(curves, 0.85)),
            "noc90": _mean(clicks_to_reach(curves, 0.90)),
            "box_iou": _mean(self.box),
            "sharpened": {
                "first_click_iou": _mean(self.first_sharpened),
                "first_click_best_iou": _mean(self.best_sharpened),
                "box_iou": _mean(self.box_sharpened),
            },
            "refining": self._refining(curves),
            "iou_calibration": calibration(np.array(self.predicted), np.array(self.actual)),
            "images": self.images,
            "masks": len(self.first),
        }

    def _refining(self, curves: NDArray[np.float64]) -> dict[str, float]:
        """Say how follow-up clicks did: shares of them, and mean areas over the wanted mask's."""
        steps = np.diff(curves, axis=1).ravel()
        if not steps.size:
            return {"worse_share": 0.0, "drop_share": 0.0, "worst": 0.0, "outside": 0.0, "spoilt": 0.0}
        return {
            "worse_share": _mean(steps < -WORSE),
            "drop_share": _mean(steps < -DROP),
            "worst": round(float(min(steps.min(), 0.0)), 4),
            "outside": _mean(self.outside),
            "spoilt": _mean(self.spoilt),
        }


def _mean(values: Any) -> float:
    return round(float(np.mean(values)), 4)


def clicks_to_reach(curves: NDArray[np.float64], threshold: float) -> NDArray[np.int64]:
    """Return for each row of IoU after 1, 2, ... clicks how many it took to reach threshold, or all of them."""
    reached = curves >= threshold
    count: NDArray[np.int64] = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, curves.shape[1])
    return count


def calibration(predicted: NDArray[np.float64], actual: NDArray[np.float64]) -> dict[str, float]:
    """Compare predicted with true IoU: correlation, mean error, and how far confident masks can be trusted."""
    confident = predicted >= CONFIDENT
    varied = len(predicted) > 1 and predicted.std() > 0 and actual.std() > 0
    return {
        "correlation": round(float(np.corrcoef(predicted, actual)[0, 1]), 4) if varied else 0.0,
        "mean_absolute_error": _mean(np.abs(predicted - actual)),
        "confident_share": _mean(confident),
        "confident_that_are_plausible": _mean(actual[confident] >= PLAUSIBLE) if confident.any() else 0.0,
    }


def middle_of(region: Bool) -> tuple[int, int, float]:
    """Return (x, y) of the pixel furthest from a region's border, and that distance; 0.0 if it is empty."""
    padded = np.pad(region.astype(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 0)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(x), int(y), float(depth[y, x])


def next_click(wanted: Bool, predicted: Bool) -> tuple[int, int, int]:
    """Return (x, y, label) in the middle of the largest error region: 1 where missed, 0 where wrongly added."""
    missed_x, missed_y, missed = middle_of(wanted & ~predicted)
    added_x, added_y, added = middle_of(predicted & ~wanted)
    if missed == 0 and added == 0:
        return (*middle_of(wanted)[:2], FOREGROUND)
    return (missed_x, missed_y, FOREGROUND) if missed >= added else (added_x, added_y, BACKGROUND)


def iou_of(a: Bool, b: Bool) -> float:
    """Intersection over union of two masks of one shape."""
    union = int(np.count_nonzero(a | b))
    return int(np.count_nonzero(a & b)) / union if union else 1.0


def error_region(wanted: Bool, predicted: Bool, x: int, y: int) -> Bool:
    """Return the connected wrong pixels (8-connected) that a click at x, y is about; none where that pixel is right."""
    _, regions = cv2.connectedComponents((wanted ^ predicted).astype(np.uint8), connectivity=8)
    region: Bool = (regions == regions[y, x]) & (regions > 0)
    return region


def click_through(photo: MultiViewPredictor, wanted: Bool, clicks: int) -> Iterator[tuple[Answer, Bool]]:
    """Yield the answer and its mask after each of so many clicks on a wanted mask (H x W)."""
    x, y, _ = middle_of(wanted)
    points, labels = np.array([[x, y], [0, 0]], dtype=np.float64), np.array([FOREGROUND, PADDING])
    answer = photo.answer(points, labels)
    mask = answer.mask()
    yield answer, mask
    for _ in range(clicks - 1):
        x, y, label = next_click(wanted, mask)
        points, labels = np.concatenate([points, [[x, y]]]), np.append(labels, label)
        answer = photo.answer(points, labels, answer)
        mask = answer.mask()
        yield answer, mask


def click_on(photo: MultiViewPredictor, wanted: Bool, clicks: int) -> Tally:
    """Click on a wanted mask (H x W) up to clicks times."""
    answers = click_through(photo, wanted, clicks)
    answer, before = next(answers)
    sharpened = photo.sharpen(answer)
    ious, ious_sharpened = ([iou_of(one.mask(k), wanted) for k in CANDIDATES] for one in (answer, sharpened))
    tally = Tally(
        first=[ious[answer.chosen]],
        best=[max(ious[1:])],
        first_sharpened=[ious_sharpened[sharpened.chosen]],
        best_sharpened=[max(ious_sharpened[1:])],
        predicted=[float(v) for v in answer.merged.predicted_iou[1:]],
        actual=ious[1:],
        curves=[[ious[answer.chosen]]],
    )
    for answer, mask in answers:
        x, y = (int(place) for place in answer.points[-1])
        changed = (before ^ mask) & ~error_region(wanted, before, x, y)
        tally.outside.append(np.count_nonzero(changed) / np.count_nonzero(wanted))
        tally.spoilt.append(np.count_nonzero(changed & (mask ^ wanted)) / np.count_nonzero(wanted))
        tally.curves[0].append(iou_of(mask, wanted))
        before = mask
    return tally


def replay(photo: MultiViewPredictor, points: Points, labels: Labels, box: Points | None) -> Iterator[Bool]:
    """Yield the mask (H x W) after each step of somebody's own prompt: the box first, then each point in order.

    points (N, 2) in pixels of the photo, labels (N,) of 1 and 0, box (2, 2), its corners, or None.
    """
    if box is not None:
        given, kinds = box, np.array(BOX.labels)
    else:  # a click comes with the padding point, as in click_through
        given, kinds = np.concatenate([points[:1], np.zeros((1, 2))]), np.append(labels[:1], PADDING)
        points, labels = points[1:], labels[1:]
    answer = photo.answer(given, kinds)
    yield answer.mask()
    for point, label in zip(points, labels, strict=True):
        given, kinds = np.concatenate([given, point[None]]), np.append(kinds, label)
        answer = photo.answer(given, kinds, answer)
        yield answer.mask()


def draw_box(photo: MultiViewPredictor, wanted: Bool) -> Tally:
    """Prompt with the tight box of a wanted mask."""
    x, y, w, h = cv2.boundingRect(wanted.astype(np.uint8))
    points, labels = np.array([[x, y], [x + w, y + h]], dtype=np.float64), np.array(BOX.labels)
    answer = photo.answer(points, labels)
    box, box_sharpened = (iou_of(one.mask(), wanted) for one in (answer, photo.sharpen(answer)))
    return Tally(box=[box], box_sharpened=[box_sharpened])
