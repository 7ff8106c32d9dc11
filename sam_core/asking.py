"""One photo and the objects asked for on it, as the workspace asks: an answer at once, then closer looks.

What a person sees in the end depends on more than one decoding. After the answer at once the photo is seen in a
mirror (mirrored.py), and what is small from near by (closer.py), in the end in a mirror as well: an answer holds what
each view gave and shows the mask of all. A lone click is thought over after that (second_thoughts.py). More
clicks go to every view that holds them. frontend/src/editor/closer-look.ts does the same in the browser.
Must not know: training, files. Memory holds one photo, two embeddings of it, and one for each part that is asked for,
two for the last.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from sam_core import transforms
from sam_core.masks.choice import FOREGROUND, PADDING, SINGLE_MASK, choose_candidates, click_scores, still_chosen
from sam_core.masks.closer import LOOKS, Box, View, holds, merged_views, part_size, part_to_look_at
from sam_core.masks.edges import EdgeGuide, photo_cells
from sam_core.masks.mirrored import in_mirror, mirrored_image
from sam_core.masks.second_thoughts import CANDIDATES, TIMES, from_whole_to_part, others_beside, sizes_and_overlaps
from sam_core.masks.shown import shown_logits
from sam_core.masks.upsample import MaskGeometry, mask_at_original_size
from sam_core.modeling.sam import Sam

Bool = NDArray[np.bool_]
Floats = NDArray[np.float32]
Points = NDArray[np.float64]
Labels = NDArray[np.int64]


class EncodedView:
    """A photo, or a part of it, that the encoder has seen, plainly or in a mirror: turns prompts into logits."""

    def __init__(
        self, sam: Sam, photo_rgb: NDArray[np.uint8], part: Box | None = None, *, is_mirrored: bool = False
    ) -> None:
        """Encode; part is x0, y0, x1, y1 in pixels of the photo, None the whole of it."""
        self.sam = sam
        self.part = part
        self.is_mirrored = is_mirrored
        self.photo_size = (photo_rgb.shape[0], photo_rgb.shape[1])
        size = self.photo_size if part is None else part_size(part)
        cell = sam.image_size // sam.mask_side
        model_rgb = transforms.resize_longest_side(transforms.crop_image(photo_rgb, part), sam.image_size)
        geometry = MaskGeometry(sam.image_size, transforms.input_size_for(size, sam.image_size), size)
        self.view = View(geometry, (0, 0) if part is None else part[:2])
        self.guide = EdgeGuide(photo_cells(model_rgb, cell)) if sam.snaps_to_edges else None
        seen = mirrored_image(model_rgb, cell) if is_mirrored else model_rgb
        self.embedding = sam.encode(transforms.to_tensor(seen).to(sam.pixel_mean.device))

    def coords(self, points: Points, labels: Labels) -> Points:
        """Return points (N x 2, pixels of the photo) in model pixels; padding stays what it is."""
        origin = np.where((labels == PADDING)[:, None], 0, self.view.origin_xy)
        return transforms.points_to_model(points - origin, self.view.geometry.original_size, self.sam.image_size)

    def holds(self, points: Points, labels: Labels) -> bool:
        """Tell whether all points lie in what was encoded."""
        return self.part is None or holds(self.part, points[labels != PADDING])

    def decode(self, points: Points, labels: Labels, mask_input: Floats | None) -> tuple[Floats, Floats]:
        """Return logits (4 x side x side) and predicted IoU (4) of one prompt; mask_input is side x side."""

        def ask(coords: Points, start: Floats | None) -> tuple[Floats, Floats]:
            return self._decode(coords, labels, start)

        coords = self.coords(points, labels)
        if self.is_mirrored:
            return in_mirror(ask, coords, labels, mask_input, self.view.geometry, self.sam.mask_side)
        return ask(coords, mask_input)

    def _decode(self, coords: Points, labels: Labels, mask_input: Floats | None) -> tuple[Floats, Floats]:
        device = self.embedding.device
        logits, iou = self.sam.decode(
            self.embedding,
            torch.as_tensor(coords[None], dtype=torch.float32, device=device),
            torch.as_tensor(labels[None], device=device),
            None if mask_input is None else torch.from_numpy(mask_input).to(device)[None, None],
        )
        return logits[0].float().cpu().numpy(), iou[0].float().cpu().numpy()


@dataclass(frozen=True, eq=False)
class Seen:
    """What one view gave by itself. logits: 4 x side x side. scores: 4, predicted IoU."""

    encoded: EncodedView
    logits: Floats
    scores: Floats


@dataclass(frozen=True, eq=False)
class Answer:
    """What is shown for a prompt: four candidates (0 is the single mask) and which of them, in the nearest view.

    seen: what each view gave, from afar to near by. kept: the candidate that was shown before the last of them.
    picked: logits and predicted IoU of all views together, where they were picked from several answers of these views.
    """

    points: Points
    labels: Labels
    seen: tuple[Seen, ...]
    kept: int | None = None
    picked: tuple[Floats, Floats] | None = None

    @property
    def encoded(self) -> EncodedView:
        """The nearest view, whose grid the answer has."""
        return self.seen[-1].encoded

    @cached_property
    def merged(self) -> tuple[Floats, Floats]:
        """Logits (4 x side x side) and predicted IoU (4) of all views together."""
        return self.picked or _merged(self.seen, SINGLE_MASK if self.kept is None else self.kept)

    @cached_property
    def shown(self) -> Floats:
        """The logits that masks are made of."""
        sam, geometry = self.encoded.sam, self.encoded.view.geometry
        shown: Floats = shown_logits(
            self.merged[0][None],
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
        scores = self.ranks(*self.merged)
        chosen = int(choose_candidates(scores[None], np.array([(self.labels != PADDING).sum()]))[0])
        return chosen if self.kept is None else still_chosen(scores, chosen, self.kept)

    @property
    def is_lone_click(self) -> bool:
        """Whether a single foreground point was asked for, which may mean many things."""
        return [int(label) for label in self.labels if label != PADDING] == [FOREGROUND]

    def ranks(self, logits: Floats, scores: Floats) -> Floats:
        """Return what masks of these prompts in the nearest view (K x side x side) are ranked by (K)."""
        if not self.encoded.sam.weighs_click:
            return scores
        coords = self.encoded.coords(self.points, self.labels)[None]
        ranks = click_scores(scores[None], logits[None], coords, self.labels[None], self.encoded.view.geometry)
        ranked: Floats = ranks[0]
        return ranked

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
    """A photo that objects are asked for on; holds the whole photo's embeddings."""

    def __init__(self, sam: Sam, photo_rgb: NDArray[np.uint8]) -> None:
        self.sam = sam
        self.photo_rgb = photo_rgb
        self.whole = EncodedView(sam, photo_rgb)
        self.size = self.whole.photo_size

    @cached_property
    def in_mirror(self) -> EncodedView:
        """The whole photo, seen in a mirror."""
        return EncodedView(self.sam, self.photo_rgb, is_mirrored=True)

    def answer_at_once(self, points: Points, labels: Labels) -> Answer:
        """Answer a prompt from the whole photo."""
        return Answer(points, labels, (Seen(self.whole, *self.whole.decode(points, labels, None)),))

    def look_closer(self, answer: Answer) -> Answer:
        """Return the answer after looking in the mirror and from near by and second thoughts, or the same one where
        nothing is due.
        """
        while (view := self._next_view(answer)) is not None:
            answer = self._seen_also(answer, view)
        if self.sam.looks_closer and answer.is_lone_click:
            for _ in range(TIMES):
                answer = self._thought_over(answer)
        return answer

    def ask_on(self, points: Points, labels: Labels, before: Answer) -> Answer:
        """Answer one more click in every view that holds it, and look closer if more can be seen.

        The nearest view goes on from the mask of all, the others each from their own.
        """
        held = [one for one in before.seen if one.encoded.holds(points, labels)]
        starts = [one.logits for one in held]
        if held[-1] is before.seen[-1]:
            starts[-1] = before.merged[0]
        answers = [
            one.encoded.decode(points, labels, start[before.chosen]) for one, start in zip(held, starts, strict=True)
        ]
        seen = tuple(Seen(one.encoded, *own) for one, own in zip(held, answers, strict=True))
        return self.look_closer(Answer(points, labels, seen))

    def _next_view(self, answer: Answer) -> EncodedView | None:
        nearest, looks = answer.encoded, len({one.encoded.part for one in answer.seen}) - 1
        if not self.sam.looks_closer:
            return None
        if nearest is self.whole:
            return self.in_mirror
        if looks and nearest.is_mirrored:
            return None
        is_near_enough = looks >= LOOKS or (looks > 0 and nearest.view.shows_all)
        part = None if is_near_enough else part_to_look_at(answer.points, answer.labels, answer.shown, nearest.view)
        if part is not None:
            return EncodedView(self.sam, self.photo_rgb, part)
        return EncodedView(self.sam, self.photo_rgb, nearest.part, is_mirrored=True) if looks else None

    @staticmethod
    def _seen_also(answer: Answer, encoded: EncodedView) -> Answer:
        seen = Seen(encoded, *encoded.decode(answer.points, answer.labels, None))
        return Answer(answer.points, answer.labels, (*answer.seen, seen), answer.chosen)

    @staticmethod
    def _thought_over(answer: Answer) -> Answer:
        """Ask all views again, each from each of its candidates, and show the three that stand best for all."""
        asked = [answer.seen, *(tuple(_gone_on(one, k, answer) for one in answer.seen) for k in CANDIDATES)]
        together = [answer.merged, *(_merged(seen, shown=None) for seen in asked[1:])]
        logits, scores = _candidates(together)
        ranks = answer.ranks(logits, scores)
        sizes, iou = sizes_and_overlaps(logits, answer.encoded.view.geometry)
        own = still_chosen(ranks, int(ranks.argmax()), answer.chosen - CANDIDATES[0])
        places = from_whole_to_part([own, *others_beside(own, ranks, iou)], sizes)
        seen = tuple(
            Seen(views[0].encoded, *_picked([(one.logits, one.scores) for one in views], places))
            for views in zip(*asked, strict=True)
        )
        shown = CANDIDATES[places.index(own)]
        return Answer(answer.points, answer.labels, seen, shown, _picked(together, places))


def _candidates(answers: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Return logits and predicted IoU of the candidates of several answers, without their single masks."""
    first = CANDIDATES[0]
    return np.concatenate([one[0][first:] for one in answers]), np.concatenate([one[1][first:] for one in answers])


def _picked(answers: list[tuple[Floats, Floats]], places: list[int]) -> tuple[Floats, Floats]:
    """Return an answer of the first one's single mask and, of the candidates of all, those at these places."""
    single, first = answers[0], CANDIDATES[0]
    logits, scores = _candidates(answers)
    return np.concatenate([single[0][:first], logits[places]]), np.concatenate([single[1][:first], scores[places]])


def _gone_on(one: Seen, candidate: int, answer: Answer) -> Seen:
    start = one.logits[candidate]
    return Seen(one.encoded, *one.encoded.decode(answer.points, answer.labels, start))


def _merged(seen: tuple[Seen, ...], shown: int | None) -> tuple[Floats, Floats]:
    return merged_views(
        [one.encoded.view for one in seen], [one.logits for one in seen], [one.scores for one in seen], shown
    )
