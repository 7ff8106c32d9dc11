"""Answer prompts on one photo from several views of it, as the workspace does: whole, flipped, tiles and crops.

Here all views are ready when a prompt comes, as they are for a person who looks before clicking. A prompt gets one
answer (MaskPolicy, apply_policy), and another one only by sharpen. A page decodes as many views as fit into the
policy's budget_ms on its device; most_views stands for that here. Mirrored by
frontend/src/inference/masks/multi-view.ts.
Must not know: training, files. Memory holds one photo, and one embedding for each view that was decoded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from sam_core.geometry import Box, Size, crop_image
from sam_core.masks.flip import ask_flipped, flipped_image
from sam_core.masks.policy import MaskAnswer, apply_policy
from sam_core.masks.tiles import tile_boxes
from sam_core.masks.upsample import mask_at_original_size
from sam_core.masks.views import (
    FloatBox,
    View,
    ViewAnswer,
    answer_box,
    crop_around,
    crop_that_fits,
    on_grid_of,
)
from sam_core.modeling.promptable import PromptableModel, to_tensor
from sam_core.prompt_kinds import PADDING, TOP_LEFT

Bool = NDArray[np.bool_]
Floats = NDArray[np.float32]
Points = NDArray[np.float64]
Labels = NDArray[np.int64]


class EncodedView:
    """A photo or a crop of it, plain or flipped, encoded once: turns prompts into logits."""

    def __init__(
        self, sam: PromptableModel, photo_rgb: NDArray[np.uint8], crop: Box | None = None, *, is_flipped: bool = False
    ) -> None:
        """Encode; crop is x0, y0, x1, y1 in pixels of the photo, None the whole of it."""
        self.sam = sam
        self.crop = crop
        self.is_flipped = is_flipped
        encoded = crop_image(photo_rgb, crop)
        geometry, model_rgb = sam.geometry.of((encoded.shape[0], encoded.shape[1])), sam.geometry.resize(encoded)
        self.view = View(geometry, (0, 0) if crop is None else crop[:2])
        view_rgb = flipped_image(model_rgb, geometry, sam.mask_side) if is_flipped else model_rgb
        self.embedding = sam.encode(to_tensor(view_rgb).to(sam.pixel_mean.device))

    def coords(self, points: Points, labels: Labels) -> Points:
        """Return points (N x 2, pixels of the photo) in model pixels; padding stays what it is."""
        origin = np.where((labels == PADDING)[:, None], 0, self.view.origin_xy)
        return self.view.geometry.points_to_model(points - origin)

    def decode(self, points: Points, labels: Labels, mask_input: Floats | None) -> ViewAnswer:
        """Answer one prompt; mask_input is side x side."""

        def ask(coords: Points, start: Floats | None) -> tuple[Floats, Floats]:
            return self._decode(coords, labels, start)

        coords = self.coords(points, labels)
        if self.is_flipped:
            answer = ask_flipped(ask, coords, labels, mask_input, self.view.geometry, self.sam.mask_side)
        else:
            answer = ask(coords, mask_input)
        return ViewAnswer(self.view, coords, *answer)

    def _decode(self, coords: Points, labels: Labels, mask_input: Floats | None) -> tuple[Floats, Floats]:
        device = self.sam.pixel_mean.device
        logits, iou = self.sam.decode(
            self.embedding,
            torch.as_tensor(coords[None], dtype=torch.float32, device=device),
            torch.as_tensor(labels[None], device=device),
            None if mask_input is None else torch.from_numpy(mask_input).to(device)[None, None],
        )
        return logits[0].float().cpu().numpy(), iou[0].float().cpu().numpy()


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer to a prompt, and the views it is merged from, from the whole photo to the smallest crop."""

    points: Points
    labels: Labels
    views: tuple[EncodedView, ...]
    by_view: tuple[ViewAnswer, ...]
    merged: MaskAnswer
    photo_size: Size
    sharpened: frozenset[Box] = field(default_factory=frozenset)

    @property
    def crop(self) -> Box | None:
        """The crop whose grid the answer has, None for the whole photo's."""
        return self.views[-1].crop

    @property
    def chosen(self) -> int:
        """Index of the best candidate."""
        return self.merged.chosen

    @property
    def box(self) -> FloatBox:
        """The box around the prompts and their mask."""
        return answer_box(self.points, self.labels, self.merged.mask_logits, self.merged.view)

    def mask(self, candidate: int | None = None) -> Bool:
        """Return a candidate's mask on the photo (H x W), the chosen one's if none is named."""
        logits = self.merged.mask_logits[self.chosen if candidate is None else candidate]
        inside = mask_at_original_size(logits, self.merged.view.geometry)
        if self.crop is None:
            return inside
        whole = np.zeros(self.photo_size, dtype=np.bool_)
        x0, y0, x1, y1 = self.crop
        whole[y0:y1, x0:x1] = inside
        return whole

    def start_for(self, view: EncodedView) -> Floats:
        """Return the mask prompt (side x side) for one more click in a view: its own logits, else the whole photo's."""
        own = [answer.logits for asked, answer in zip(self.views, self.by_view, strict=True) if asked is view]
        logits = own[0] if own else on_grid_of(self.by_view[0].logits, self.by_view[0].view, view.view)
        start: Floats = logits[self.chosen]
        return start


class MultiViewPredictor:
    """Answers prompts on one photo; encodes a view when it is decoded for the first time."""

    def __init__(self, sam: PromptableModel, photo_rgb: NDArray[np.uint8], *, most_views: int | None = None) -> None:
        """Encode the whole photo; most_views: how many views answer one prompt at most, None for all that are ready."""
        self.sam = sam
        self.photo_rgb = photo_rgb
        self.most_views = most_views
        self.whole = EncodedView(sam, photo_rgb)
        self.size = self.whole.view.geometry.original_size
        self._crops: dict[tuple[Box, bool], EncodedView] = {}

    @cached_property
    def flipped(self) -> EncodedView:
        """The whole photo, flipped."""
        return EncodedView(self.sam, self.photo_rgb, is_flipped=True)

    @cached_property
    def tiles(self) -> list[Box]:
        """The tiles that take part, none for a model whose policy uses no crops."""
        return tile_boxes(self.size) if self.sam.policy.uses_crops else []

    def answer(self, points: Points, labels: Labels, before: Answer | None = None) -> Answer:
        """Answer a prompt; `before` is the answer to the same prompt without its last point."""
        crops = frozenset() if before is None else before.sharpened
        return self._answer(points, labels, before, crops, self.most_views)

    def sharpen(self, answer: Answer, before: Answer | None = None) -> Answer:
        """Answer the same prompt with a crop around the answer as well, by the same candidate.

        All views take part, however many: somebody waits for it. Return the same answer where a crop shows no more.
        """
        crop = crop_around(answer.box, answer.labels, answer.merged.view)
        if crop is None or not self.sam.policy.uses_crops:
            return answer
        sharp = self._answer(answer.points, answer.labels, before, answer.sharpened | {crop}, None)
        return replace(sharp, merged=replace(sharp.merged, chosen=answer.chosen))

    def _answer(
        self, points: Points, labels: Labels, before: Answer | None, crops: frozenset[Box], most_views: int | None
    ) -> Answer:
        asked: list[tuple[EncodedView, ViewAnswer]] = []
        last = None if before is None else before.merged

        def ask(views: Iterable[EncodedView]) -> MaskAnswer:
            room = None if most_views is None else max(most_views - len(asked), 0)
            asked.extend([(view, self._ask(view, points, labels, before)) for view in islice(views, room)])
            return apply_policy(self.sam.policy, [answer for _, answer in asked], labels, before=last)

        flips = self.sam.policy.flips_for(labels)
        # Of two, what gains more: a crop for boxes, the flip for points, unless their mask has a crop's grid already.
        has_crop = before is not None and before.crop is not None
        is_crop_first = most_views == 2 and (has_crop or bool((labels == TOP_LEFT).any()))
        merged = ask([self.whole] if is_crop_first or not flips else [self.whole, self.flipped])
        box = answer_box(points, labels, merged.mask_logits, merged.view)
        crop = crop_that_fits([*self.tiles, *crops], box, self.size)
        if crop is not None:
            merged = ask(self._views_of(crop, labels))
        elif is_crop_first and flips:
            merged = ask([self.flipped])
        views, by_view = zip(*asked, strict=True)
        return Answer(points, labels, views, by_view, merged, self.size, crops)

    def _ask(self, view: EncodedView, points: Points, labels: Labels, before: Answer | None) -> ViewAnswer:
        return view.decode(points, labels, None if before is None else before.start_for(view))

    def _views_of(self, crop: Box, labels: Labels) -> Iterable[EncodedView]:
        # flipped tiles would double what a photo costs; a crop that somebody asked for is encoded both ways
        is_tile = crop in self.tiles
        both = (False, True) if self.sam.policy.flips_for(labels) and not is_tile else (False,)
        for is_flipped in both:
            key = crop, is_flipped
            if key not in self._crops:
                self._crops[key] = EncodedView(self.sam, self.photo_rgb, crop, is_flipped=is_flipped)
            yield self._crops[key]
