"""The model on numpy arrays: embed an image once, then answer prompts about it. Stateless.

Must not know: files of images, HTTP, how masks are stored. Everything an answer depends on is in its arguments, so
one predictor may serve many images and threads.
Source: Kirillov et al., arXiv 2304.02643, section 3 and appendix A.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from sam_core.errors import InvalidPromptError
from sam_core.masks.choice import choose_candidates, click_scores
from sam_core.masks.edges import EdgeGuide, photo_cells
from sam_core.masks.grid import without_padding
from sam_core.masks.mirrored import in_mirror, mirrored_image
from sam_core.masks.shown import shown_logits
from sam_core.masks.stability import stability_score
from sam_core.masks.upsample import MaskGeometry, mask_at_original_size
from sam_core.modeling.sam import Sam
from sam_core.prompts import Prompts
from sam_core.registry import build_model, model_version
from sam_core.transforms import Box, Size, crop_image, input_size_for, resize_longest_side, to_tensor

__all__ = ["ImageEmbedding", "MaskPrediction", "Predictor", "Prompts", "choose_encoder_dtype", "load_predictor"]

# Prompts decoded together: bounds memory (about 10 MB a prompt at 64 x 64 x 256) whatever the batch.
PROMPTS_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageEmbedding:
    """What the image encoder made of an image or of a crop of it.

    array: 1 x C x grid x grid, float32 or float16. original_size: (H, W) of the whole image. input_size: (H, W) of
    what was encoded, after resizing. crop_box_xyxy: what was encoded, in image pixels; None is the whole image.
    is_mirrored: whether it was seen in a mirror; prompts and answers are as the image lies all the same.
    cells_rgb: rows x columns x 3, uint8, the colours of the low-res mask's cells, for a model that snaps to edges; None
    where they are not known, and then nothing is snapped.
    """

    array: NDArray[np.floating]
    model_version: str
    original_size: Size
    input_size: Size
    crop_box_xyxy: Box | None = None
    cells_rgb: NDArray[np.uint8] | None = None
    is_mirrored: bool = False

    @cached_property
    def edge_guide(self) -> EdgeGuide | None:
        """What the photo's edges are, ready for masks."""
        return None if self.cells_rgb is None else EdgeGuide(self.cells_rgb)

    @property
    def encoded_size(self) -> Size:
        """(H, W) of the pixels that were encoded, before resizing."""
        if self.crop_box_xyxy is None:
            return self.original_size
        x0, y0, x1, y1 = self.crop_box_xyxy
        return y1 - y0, x1 - x0

    def astype(self, dtype: DTypeLike) -> "ImageEmbedding":
        """Return the same embedding in another precision."""
        return replace(self, array=self.array.astype(dtype))


@dataclass(frozen=True, kw_only=True, eq=False)
class MaskPrediction:
    """The decoder's answer to a batch of B prompts, all four candidates in decoder order (0 is the single mask).

    low_res_logits: B x 4 x S x S, float32, as decoded: the next mask prompt. shown_logits: what masks are made of, the
    same on the photo's edges, with its prompts obeyed and without specks where the model asks for it. predicted_iou:
    B x 4, float32. chosen: B, the candidate to show.
    """

    low_res_logits: NDArray[np.float32]
    shown_logits: NDArray[np.float32]
    predicted_iou: NDArray[np.float32]
    chosen: NDArray[np.int64]
    image_size: int
    embedding: ImageEmbedding

    def __len__(self) -> int:
        return len(self.chosen)

    @property
    def geometry(self) -> MaskGeometry:
        """The way from the low-res logits to what was encoded."""
        return MaskGeometry(self.image_size, self.embedding.input_size, self.embedding.encoded_size)

    @cached_property
    def stability_score(self) -> NDArray[np.float32]:
        """IoU of each mask thresholded at +1 and at -1 (B x 4), on the low-res logits without their padding."""
        return stability_score(without_padding(self.low_res_logits, self.geometry))

    def mask(self, prompt: int = 0, candidate: int | None = None) -> NDArray[np.bool_]:
        """Return one binary mask at original size (H x W); the chosen candidate if none is named.

        A mask of a crop is False outside the crop box.
        """
        index = int(self.chosen[prompt]) if candidate is None else candidate
        mask = mask_at_original_size(
            self.shown_logits[prompt, index],
            image_size=self.image_size,
            input_size=self.embedding.input_size,
            original_size=self.embedding.encoded_size,
        )
        if self.embedding.crop_box_xyxy is None:
            return mask
        x0, y0, x1, y1 = self.embedding.crop_box_xyxy
        whole = np.zeros(self.embedding.original_size, dtype=np.bool_)
        whole[y0:y1, x0:x1] = mask
        return whole


class Predictor:
    """A model, the label of its weights, and the precision its encoder runs in."""

    def __init__(self, model: Sam, model_version: str, *, encoder_dtype: torch.dtype | None = None) -> None:
        """Wrap a model in eval mode; encoder_dtype None takes what choose_encoder_dtype says for its device."""
        self.model = model
        self.model_version = model_version
        self.device = model.pixel_mean.device
        self.encoder_dtype = encoder_dtype or choose_encoder_dtype(self.device)

    @torch.inference_mode()
    def embed(
        self, image_rgb: NDArray[np.uint8], crop_box_xyxy: Box | None = None, *, is_mirrored: bool = False
    ) -> ImageEmbedding:
        """Encode an upright RGB image (H x W x 3, uint8), or a crop of it, or its mirror image; the answer is float32.

        Raises InvalidImageError for anything that is no such image.
        """
        region = crop_image(image_rgb, crop_box_xyxy)
        size = (region.shape[0], region.shape[1])
        model_rgb = resize_longest_side(region, self.model.image_size)
        cell = self.model.image_size // self.model.mask_side
        pixels = to_tensor(mirrored_image(model_rgb, cell) if is_mirrored else model_rgb).to(self.device)
        is_reduced = self.encoder_dtype != torch.float32
        with torch.autocast(self.device.type, dtype=self.encoder_dtype, enabled=is_reduced):
            features = self.model.encode(pixels)
        return ImageEmbedding(
            array=features.float().cpu().numpy(),
            model_version=self.model_version,
            original_size=(image_rgb.shape[0], image_rgb.shape[1]),
            input_size=input_size_for(size, self.model.image_size),
            crop_box_xyxy=crop_box_xyxy,
            cells_rgb=photo_cells(model_rgb, cell),
            is_mirrored=is_mirrored,
        )

    @torch.inference_mode()
    def predict(
        self, embedding: ImageEmbedding, prompts: Prompts, *, multimask_output: bool | None = None
    ) -> MaskPrediction:
        """Answer a batch of prompts about an embedded image with four candidates each.

        multimask_output decides which candidate is chosen: True the best of 1..3, False number 0, None the best of
        1..3 for a single click, which is ambiguous, and number 0 for a box or more prompts (ADR 0017). What the best
        is: sam_core.masks.choice.
        Raises InvalidPromptError for prompts that do not fit the image and for an embedding of another model.
        """
        self._check_embedding(embedding)
        prompts.check_fits(embedding.original_size, self.model.mask_side)
        coords, labels = prompts.to_tokens(
            embedding.encoded_size, self.model.image_size, crop_box_xyxy=embedding.crop_box_xyxy
        )
        geometry = MaskGeometry(self.model.image_size, embedding.input_size, embedding.encoded_size)
        logits, predicted_iou = self._answer(embedding, coords, labels, prompts.mask_input, geometry)
        scores = predicted_iou
        if self.model.weighs_click:
            scores = click_scores(predicted_iou, logits, coords, labels, geometry)
        return MaskPrediction(
            low_res_logits=logits,
            shown_logits=shown_logits(
                logits,
                coords,
                labels,
                geometry,
                embedding.edge_guide if self.model.snaps_to_edges else None,
                obeys_prompts=self.model.obeys_prompts,
                drops_specks=self.model.drops_specks,
            ),
            predicted_iou=predicted_iou,
            chosen=choose_candidates(scores, prompts.prompt_counts(), multimask_output=multimask_output),
            image_size=self.model.image_size,
            embedding=embedding,
        )

    def _answer(
        self,
        embedding: ImageEmbedding,
        coords: NDArray[np.float32],
        labels: NDArray[np.int64],
        mask_input: NDArray[np.float32] | None,
        geometry: MaskGeometry,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits (B x 4 x S x S) and predicted IoU (B x 4), as the image lies."""
        features = torch.from_numpy(embedding.array).to(self.device).float()

        def ask(
            coords: NDArray[np.float32], start: NDArray[np.float32] | None
        ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            batches = [slice(first, first + PROMPTS_AT_ONCE) for first in range(0, len(coords), PROMPTS_AT_ONCE)]
            parts = [
                self._decode(features, coords[rows], labels[rows], None if start is None else start[rows])
                for rows in batches
            ]
            logits, iou = (torch.cat(some).cpu().numpy() for some in zip(*parts, strict=True))
            return logits, iou

        if embedding.is_mirrored:
            return in_mirror(ask, coords, labels, mask_input, geometry, self.model.mask_side)
        return ask(coords, mask_input)

    def _decode(
        self,
        features: Tensor,
        coords: NDArray[np.float32],
        labels: NDArray[np.int64],
        mask_input: NDArray[np.float32] | None,
    ) -> tuple[Tensor, Tensor]:
        previous = None if mask_input is None else torch.from_numpy(mask_input).to(self.device)
        return self.model.decode(
            features, torch.from_numpy(coords).to(self.device), torch.from_numpy(labels).to(self.device), previous
        )

    def _check_embedding(self, embedding: ImageEmbedding) -> None:
        if embedding.model_version != self.model_version:
            raise InvalidPromptError(
                f"the embedding was made by {embedding.model_version}, this is {self.model_version}"
            )
        side = self.model.embedding_size
        expected = (1, self.model.prompt_encoder.embed_dim, side, side)
        if embedding.array.shape != expected:
            raise InvalidPromptError(f"the embedding has shape {embedding.array.shape}, {expected} is needed")


def choose_encoder_dtype(device: torch.device) -> torch.dtype:
    """Return the precision to encode in: float16 on CUDA, float32 elsewhere."""
    return torch.float16 if device.type == "cuda" else torch.float32


def load_predictor(
    name: str, checkpoint: Path | str | None = None, *, device: str | torch.device | None = None
) -> Predictor:
    """Build a model with its weights and wrap it; device None is CUDA where there is one."""
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return Predictor(build_model(name, checkpoint).to(where), model_version(name, checkpoint))
