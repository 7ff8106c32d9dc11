"""Compare the browser graphs with torch: the exact ones to 1e-3 in logits, those that ship by their masks.

Must not know: how graphs are built. Embeddings come from made-up pictures of shapes, so that masks have borders like
those of photos; noise as an embedding would only measure pixels at the threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from sam_core.errors import ExportError
from sam_core.modeling.prompt_sketch import sketch
from sam_core.onnx.image_terms import term_names
from sam_core.onnx.upscaling import RowsAnswer, Upscaling
from sam_core.onnx.verify import PromptCase, largest_difference, open_session, prompt_cases, run

if TYPE_CHECKING:
    from sam_core.modeling.sam import Sam

SMALLEST_MASK_IOU = 0.995
NUM_PICTURES = 4
NUM_PROMPTS = 200
SHAPES_PER_PICTURE = 12
REFINE_POINTS = 5
SEED = 2304

Array = NDArray[np.float32]


@dataclass(frozen=True)
class MaskAgreement:
    """How like torch's the shipped graphs' masks are, over some prompts (candidate with the best score)."""

    mean_iou: float
    smallest_iou: float
    largest_difference: float


class BrowserDecoder:
    """The graphs of a folder on the CPU, used as the browser does: sketches are drawn before the graph runs.

    With an upscaling, the graphs that end before it are taken.
    """

    def __init__(self, folder: Path, *, sketches: bool, upscaling: Upscaling | None = None) -> None:
        ends = "" if upscaling is None else "_rows"
        self._prepare, self._first, self._refine = (
            open_session(folder / f"{name}.onnx") for name in ("prepare", f"first{ends}", f"refine{ends}")
        )
        self._sketches, self._upscaling = sketches, upscaling
        inputs = {one.name: one.shape for one in self._refine.get_inputs()}
        self._mask_side: int = inputs["mask_input"][-1]

    def prepare(self, embedding: NDArray[np.float16]) -> dict[str, Array]:
        """Return the terms of one embedding."""
        outputs = self._prepare.run(list(term_names()), {"embedding": embedding})
        return {name: np.asarray(value) for name, value in zip(term_names(), outputs, strict=True)}

    def decode(self, terms: dict[str, Array], case: PromptCase) -> tuple[Array, Array]:
        """Return logits (1, 4, side, side) and predicted IoU (1, 4)."""
        labels = case.labels.astype(np.int32)
        feeds: dict[str, NDArray[Any]] = {**terms, "point_coords": case.coords, "point_labels": labels}
        mask_input = self._mask_prompt(case)
        if mask_input is not None:
            feeds["mask_input"] = mask_input
        session = self._first if mask_input is None else self._refine
        if self._upscaling is None:
            iou, logits = run(session, feeds)
            return logits, iou
        iou, *parts = run(session, feeds)
        return self._upscaling.masks(RowsAnswer(*parts), terms["up"]), iou

    def _mask_prompt(self, case: PromptCase) -> Array | None:
        if not self._sketches:
            return case.mask_input
        mask = None if case.mask_input is None else torch.from_numpy(case.mask_input)
        drawn = sketch(mask, torch.from_numpy(case.coords), torch.from_numpy(case.labels), self._mask_side)
        return None if drawn is None else drawn.numpy()


def made_up_embeddings(sam: Sam) -> list[NDArray[np.float16]]:
    """Return the embeddings of NUM_PICTURES pictures of random shapes, float16 as they are served."""
    random = np.random.default_rng(SEED)
    return [_encode(sam, _picture(random, sam.image_size)) for _ in range(NUM_PICTURES)]


def _picture(random: np.random.Generator, side: int) -> NDArray[np.uint8]:
    picture = np.full((side, side, 3), random.integers(0, 256, 3), np.uint8)
    for _ in range(SHAPES_PER_PICTURE):
        colour = tuple(int(value) for value in random.integers(0, 256, 3))
        centre = tuple(int(value) for value in random.integers(0, side, 2))
        axes = tuple(int(value) for value in random.integers(side // 32 + 1, side // 4 + 2, 2))
        cv2.ellipse(picture, centre, axes, float(random.uniform(0, 180)), 0, 360, colour, -1)
    return picture


@torch.inference_mode()
def _encode(sam: Sam, picture: NDArray[np.uint8]) -> NDArray[np.float16]:
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    return np.asarray(sam.encode(pixels).numpy(), np.float16)


@torch.inference_mode()
def torch_decode(sam: Sam, embedding: NDArray[np.float16], case: PromptCase) -> tuple[Array, Array]:
    """Return torch's logits (1, 4, side, side) and predicted IoU (1, 4)."""
    mask = None if case.mask_input is None else torch.from_numpy(case.mask_input)
    logits, iou = sam.decode(
        torch.from_numpy(embedding).float(), torch.from_numpy(case.coords), torch.from_numpy(case.labels), mask
    )
    return logits.numpy(), iou.numpy()


def check_exact(sam: Sam, decoder: BrowserDecoder, embedding: NDArray[np.float16]) -> float:
    """Return the largest difference from torch over all kinds of prompts; raises ExportError above 1e-3."""
    terms = decoder.prepare(embedding)
    return max(
        largest_difference(case.name, decoder.decode(terms, case), torch_decode(sam, embedding, case))
        for case in prompt_cases(sam.image_size, sam.mask_side)
    )


def measure_masks(
    sam: Sam, decoder: BrowserDecoder, embeddings: list[NDArray[np.float16]], *, num_prompts: int = NUM_PROMPTS
) -> MaskAgreement:
    """Compare masks after a click and after refining them with more points, each the masks' best candidate."""
    random = np.random.default_rng(SEED)
    ious: list[float] = []
    worst = 0.0
    for embedding in embeddings:
        terms = decoder.prepare(embedding)
        for _ in range(max(1, num_prompts // (2 * len(embeddings)))):
            click = _points(random, sam.image_size, count=1, mask_input=None)
            wanted = torch_decode(sam, embedding, click)
            refined = _points(random, sam.image_size, count=REFINE_POINTS, mask_input=wanted[0][:, :1])
            for case, expected in ((click, wanted), (refined, torch_decode(sam, embedding, refined))):
                got = decoder.decode(terms, case)
                best = int(expected[1][0].argmax())
                ious.append(mask_iou(got[0][0, best] > 0, expected[0][0, best] > 0))
                worst = max(worst, float(np.abs(got[0] - expected[0]).max()))
    return MaskAgreement(float(np.mean(ious)), min(ious), worst)


def mask_iou(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return the IoU of two masks; two empty ones agree."""
    union = int(np.count_nonzero(first | second))
    return 1.0 if union == 0 else float(np.count_nonzero(first & second) / union)


def refuse_strays(agreement: MaskAgreement) -> None:
    """Raise ExportError when the masks are not those of torch."""
    if not agreement.mean_iou >= SMALLEST_MASK_IOU:  # NaN is refused as well
        raise ExportError(
            f"the masks agree with torch to an IoU of {agreement.mean_iou:.4f} only, under {SMALLEST_MASK_IOU}"
        )


def _points(random: np.random.Generator, side: int, *, count: int, mask_input: Array | None) -> PromptCase:
    coords = np.concatenate([random.uniform(0, side, (count, 2)), np.zeros((1, 2))])[None].astype(np.float32)
    labels = np.array([[*([1] + [int(value) for value in random.integers(0, 2, count - 1)]), -1]], np.float32)
    return PromptCase(f"{count} points", coords, labels, mask_input)
