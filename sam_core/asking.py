"""One photo and the objects asked for on it, as the workspace asks: an answer at once, then a closer look.

What a person sees in the end depends on more than one decoding: more clicks go to both views, as long as they lie in
the part that was looked at. frontend/src/editor/closer-look.ts does the same in the browser.
Must not know: training, files. Memory holds one photo, and one embedding for each object that is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from sam_core import transforms
from sam_core.masks.choice import PADDING, choose_candidates, click_scores, still_chosen
from sam_core.masks.closer import LOOKS, Box, View, holds, merged_logits, merged_scores, part_size, part_to_look_at
from sam_core.masks.edges import EdgeGuide, photo_cells
from sam_core.masks.shown import shown_logits
from sam_core.masks.upsample import MaskGeometry, mask_at_original_size
from sam_core.modeling.sam import Sam

Bool = NDArray[np.bool_]
Floats = NDArray[np.float32]
Points = NDArray[np.float64]
Labels = NDArray[np.int64]
SINGLE_MASK = 0


class EncodedView:
    """A photo, or a part of it, that the encoder has seen: turns prompts into logits."""

    def __init__(self, sam: Sam, photo_rgb: NDArray[np.uint8], part: Box | None = None) -> None:
        """Encode; part is x0, y0, x1, y1 in pixels of the photo, None the whole of it."""
        self.sam = sam
        self.part = part
        self.photo_size = (photo_rgb.shape[0], photo_rgb.shape[1])
        size = self.photo_size if part is None else part_size(part)
        model_rgb = transforms.resize_longest_side(transforms.crop_image(photo_rgb, part), sam.image_size)
        geometry = MaskGeometry(sam.image_size, transforms.input_size_for(size, sam.image_size), size)
        self.view = View(geometry, (0, 0) if part is None else part[:2])
        self.embedding = sam.encode(transforms.to_tensor(model_rgb).to(sam.pixel_mean.device))
        cells = photo_cells(model_rgb, sam.image_size // sam.mask_side)
        self.guide = EdgeGuide(cells) if sam.snaps_to_edges else None

    def coords(self, points: Points, labels: Labels) -> Points:
        """Return points (N x 2, pixels of the photo) in model pixels; padding stays what it is."""
        origin = np.where((labels == PADDING)[:, None], 0, self.view.origin_xy)
        return transforms.points_to_model(points - origin, self.view.geometry.original_size, self.sam.image_size)

    def decode(self, points: Points, labels: Labels, mask_input: Floats | None) -> tuple[Floats, Floats]:
        """Return logits (4 x side x side) and predicted IoU (4) of one prompt; mask_input is side x side."""
        device = self.embedding.device
        logits, iou = self.sam.decode(
            self.embedding,
            torch.as_tensor(self.coords(points, labels)[None], dtype=torch.float32, device=device),
            torch.as_tensor(labels[None], device=device),
            None if mask_input is None else torch.from_numpy(mask_input).to(device)[None, None],
        )
        return logits[0].float().cpu().numpy(), iou[0].float().cpu().numpy()


@dataclass(frozen=True, eq=False)
class Answer:
    """What is shown for a prompt: four candidates (0 is the single mask) and which of them, in the view that shows it.

    logits: 4 x side x side, as decoded. scores: 4, predicted IoU. afar: of an answer that two views gave, what the
    one from afar gave by itself.
    """

    points: Points
    labels: Labels
    logits: Floats
    scores: Floats
    encoded: EncodedView
    afar: Answer | None = None

    @cached_property
    def shown(self) -> Floats:
        """The logits that masks are made of."""
        sam, geometry = self.encoded.sam, self.encoded.view.geometry
        shown: Floats = shown_logits(
            self.logits[None],
            self.encoded.coords(self.points, self.labels)[None],
            self.labels[None],
            geometry,
            self.encoded.guide,
            obeys_prompts=sam.obeys_prompts,
            drops_specks=sam.drops_specks,
        )[0]
        return shown

    @cached_property
    def chosen(self) -> int:
        """The model's own choice."""
        sam, scores = self.encoded.sam, self.scores[None]
        if sam.weighs_click:
            coords = self.encoded.coords(self.points, self.labels)[None]
            scores = click_scores(scores, self.logits[None], coords, self.labels[None], self.encoded.view.geometry)
        chosen = int(choose_candidates(scores, np.array([(self.labels != PADDING).sum()]))[0])
        return chosen if self.afar is None else still_chosen(scores[0], chosen, self.afar.chosen)

    def mask(self, candidate: int | None = None) -> Bool:
        """Return a candidate's mask on the photo (H x W), the chosen one's if none is named."""
        geometry, part = self.encoded.view.geometry, self.encoded.part
        inside = mask_at_original_size(
            self.shown[self.chosen if candidate is None else candidate],
            image_size=geometry.image_size,
            input_size=geometry.input_size,
            original_size=geometry.original_size,
        )
        if part is None:
            return inside
        whole = np.zeros(self.encoded.photo_size, dtype=np.bool_)
        whole[part[1] : part[3], part[0] : part[2]] = inside
        return whole


class AskedPhoto:
    """A photo that objects are asked for on; holds the whole photo's embedding."""

    def __init__(self, sam: Sam, photo_rgb: NDArray[np.uint8]) -> None:
        self.sam = sam
        self.photo_rgb = photo_rgb
        self.whole = EncodedView(sam, photo_rgb)
        self.size = self.whole.photo_size

    def answer_at_once(
        self, points: Points, labels: Labels, before: Answer | None = None, *, encoded: EncodedView | None = None
    ) -> Answer:
        """Answer a prompt in a view, or where it was answered before, with that as the mask prompt; else from afar."""
        view = encoded or (self.whole if before is None else before.encoded)
        mask_input = None if before is None else before.logits[before.chosen]
        return Answer(points, labels, *view.decode(points, labels, mask_input), view)

    def look_closer(self, answer: Answer) -> Answer:
        """Return the answer after a closer look, or several, or the same one where none is due."""
        for _ in range(LOOKS if self.sam.looks_closer else 0):
            part = part_to_look_at(answer.points, answer.labels, answer.shown, answer.encoded.view)
            if part is None:
                break
            closer = EncodedView(self.sam, self.photo_rgb, part)
            answer = _seen_twice(answer, self.answer_at_once(answer.points, answer.labels, encoded=closer))
            if closer.view.shows_all:
                break
        return answer

    def ask_on(self, points: Points, labels: Labels, before: Answer) -> Answer:
        """Answer one more click: in both views, if all prompts lie in the part that was looked at, else from afar.

        Each view goes on from its own grid: the closer one from the mask of both, the other one from its own.
        """
        afar, part = before.afar, before.encoded.part
        if afar is not None and part is not None and holds(part, points[labels != PADDING]):
            return _seen_twice(self.answer_at_once(points, labels, afar), self.answer_at_once(points, labels, before))
        whole = next((one for one in (before, afar) if one is not None and one.encoded is self.whole), None)
        return self.look_closer(self.answer_at_once(points, labels, whole))


def _seen_twice(afar: Answer, near: Answer) -> Answer:
    view, closer = afar.encoded.view, near.encoded.view
    logits = merged_logits(afar.logits, near.logits, view, closer)
    return Answer(
        near.points, near.labels, logits, merged_scores(afar.scores, near.scores, view, closer), near.encoded, afar
    )
