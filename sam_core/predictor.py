"""A model on numpy arrays: embed an image once, then answer prompts about it. Stateless.

Must not know: torch, onnxruntime (sam_core.backends), files of images, HTTP, how masks are stored. Everything an answer
depends on is in its arguments, so one predictor may serve many images and threads.
Source: Kirillov et al., arXiv 2304.02643, section 3 and appendix A.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sam_core.backends import DecoderBackend, EncoderBackend, Floats, ModelFacts
from sam_core.embedding import Tensors, check_tensors
from sam_core.errors import InvalidPromptError
from sam_core.geometry import Box, PhotoGeometry, Size, crop_image
from sam_core.masks.flip import ask_flipped, flipped_image
from sam_core.masks.policy import apply_policy
from sam_core.masks.stability import stability_score
from sam_core.masks.upsample import mask_at_original_size
from sam_core.masks.views import View, ViewAnswer
from sam_core.prompts import Prompts, batches_without_padding

__all__ = ["ImageEmbedding", "MaskPrediction", "Predictor", "Prompts"]

# Prompts decoded together: bounds memory (about 10 MB a prompt at 64 x 64 x 256) whatever the batch.
PROMPTS_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageEmbedding:
    """What the image encoder made of an image or of a crop of it.

    tensors: by name, float32 or float16. original_size: (H, W) of the whole image. geometry: of what was encoded, the
    image or the crop. crop_box_xyxy: what was encoded, in image pixels; None is the whole image.
    is_flipped: whether it was encoded left to right reversed; prompts and answers are as the image lies all the same.
    """

    tensors: Tensors
    model_version: str
    original_size: Size
    geometry: PhotoGeometry
    crop_box_xyxy: Box | None = None
    is_flipped: bool = False

    @property
    def array(self) -> NDArray[np.floating]:
        """The tensor of an embedding that has one, 1 x C x grid x grid."""
        (array,) = self.tensors.values()
        return array

    def astype(self, dtype: DTypeLike) -> "ImageEmbedding":
        """Return the same embedding in another precision."""
        return replace(self, tensors={name: value.astype(dtype) for name, value in self.tensors.items()})


@dataclass(frozen=True, kw_only=True, eq=False)
class MaskPrediction:
    """The decoder's answer to a batch of B prompts, all four candidates in decoder order (0 is the single mask).

    low_res_logits: B x 4 x S x S, float32, as decoded: the next mask prompt. mask_logits: the same after the model's
    mask policy, to be thresholded. predicted_iou: B x 4, float32. chosen: B, the index of the best candidate.
    """

    low_res_logits: NDArray[np.float32]
    mask_logits: NDArray[np.float32]
    predicted_iou: NDArray[np.float32]
    chosen: NDArray[np.int64]
    embedding: ImageEmbedding

    def __len__(self) -> int:
        return len(self.chosen)

    @cached_property
    def stability_score(self) -> NDArray[np.float32]:
        """IoU of each mask thresholded at +1 and at -1 (B x 4), on the low-res logits without their padding."""
        return stability_score(self.embedding.geometry.without_padding(self.low_res_logits))

    def mask(self, prompt: int = 0, candidate: int | None = None) -> NDArray[np.bool_]:
        """Return one binary mask at original size (H x W); the chosen candidate if none is named.

        A mask of a crop is False outside the crop box.
        """
        index = int(self.chosen[prompt]) if candidate is None else candidate
        mask = mask_at_original_size(self.mask_logits[prompt, index], self.embedding.geometry)
        if self.embedding.crop_box_xyxy is None:
            return mask
        x0, y0, x1, y1 = self.embedding.crop_box_xyxy
        whole = np.zeros(self.embedding.original_size, dtype=np.bool_)
        whole[y0:y1, x0:x1] = mask
        return whole


class Predictor:
    """A model's facts, the label of its weights, and the runtimes that encode and decode."""

    def __init__(
        self, facts: ModelFacts, model_version: str, *, encoder: EncoderBackend, decoder: DecoderBackend
    ) -> None:
        self.facts = facts
        self.model_version = model_version
        self.encoder, self.decoder = encoder, decoder

    def embed(
        self, image_rgb: NDArray[np.uint8], crop_box_xyxy: Box | None = None, *, is_flipped: bool = False
    ) -> ImageEmbedding:
        """Encode an upright RGB image (H x W x 3, uint8), a crop of it, or either flipped; the answer is float32.

        Raises InvalidImageError for anything that is no such image.
        """
        encoded = crop_image(image_rgb, crop_box_xyxy)
        model_rgb = self.facts.geometry.resize(encoded)
        if is_flipped:
            photo = self.facts.geometry.of((encoded.shape[0], encoded.shape[1]))
            model_rgb = flipped_image(model_rgb, photo, self.facts.mask_side)
        tensors, size = self.encoder.encode(model_rgb), (image_rgb.shape[0], image_rgb.shape[1])
        return self.known_embedding(tensors, size, crop_box_xyxy=crop_box_xyxy, is_flipped=is_flipped)

    def known_embedding(
        self,
        tensors: Tensors,
        original_size: Size,
        *,
        crop_box_xyxy: Box | None = None,
        is_flipped: bool = False,
    ) -> ImageEmbedding:
        """Return an embedding that this model made of an image of original_size, or of a crop of it."""
        x0, y0, x1, y1 = crop_box_xyxy or (0, 0, original_size[1], original_size[0])
        return ImageEmbedding(
            tensors=tensors,
            model_version=self.model_version,
            original_size=original_size,
            geometry=self.facts.geometry.of((y1 - y0, x1 - x0)),
            crop_box_xyxy=crop_box_xyxy,
            is_flipped=is_flipped,
        )

    def predict(
        self, embedding: ImageEmbedding, prompts: Prompts, *, multimask_output: bool | None = None
    ) -> MaskPrediction:
        """Answer a batch of prompts about an embedded image with four candidates each.

        multimask_output decides which candidate is chosen: True the best of 1..3, False number 0, None the best of
        1..3 for a single click, which is ambiguous, and number 0 for a box or more prompts (ADR 0017). What the best
        is: sam_core.masks.choice.
        Raises InvalidPromptError for prompts that do not fit the image and for an embedding of another model.
        """
        facts = self.facts
        self._check_embedding(embedding)
        prompts.check_fits(embedding.original_size, facts.mask_side)
        coords, labels = prompts.to_tokens(embedding.geometry, crop_box_xyxy=embedding.crop_box_xyxy)
        logits, predicted_iou = self._answer(embedding, coords, labels, prompts.mask_input)
        view = View(embedding.geometry)
        answers = [
            apply_policy(facts.policy, [ViewAnswer(view, *one)], own_labels, multimask_output=multimask_output)
            for *one, own_labels in zip(coords, logits, predicted_iou, labels, strict=True)
        ]
        return MaskPrediction(
            low_res_logits=logits,
            mask_logits=np.stack([answer.mask_logits for answer in answers]),
            predicted_iou=predicted_iou,
            chosen=np.array([answer.chosen for answer in answers]),
            embedding=embedding,
        )

    def _answer(
        self, embedding: ImageEmbedding, coords: Floats, labels: NDArray[np.int64], mask_input: Floats | None
    ) -> tuple[Floats, Floats]:
        """Return logits (B x 4 x S x S) and predicted IoU (B x 4), as the image lies."""

        def ask(coords: Floats, start: Floats | None) -> tuple[Floats, Floats]:
            batches = batches_without_padding(labels, PROMPTS_AT_ONCE)
            parts = [
                self.decoder.decode(
                    embedding.tensors,
                    coords[rows[:, None], columns],
                    labels[rows[:, None], columns],
                    None if start is None else start[rows],
                )
                for rows, columns in batches
            ]
            order = np.argsort(np.concatenate([rows for rows, _ in batches]))
            logits, iou = (np.concatenate(some)[order] for some in zip(*parts, strict=True))
            return logits, iou

        if embedding.is_flipped:
            return ask_flipped(ask, coords, labels, mask_input, embedding.geometry, self.facts.mask_side)
        return ask(coords, mask_input)

    def _check_embedding(self, embedding: ImageEmbedding) -> None:
        if embedding.model_version != self.model_version:
            raise InvalidPromptError(
                f"the embedding was made by {embedding.model_version}, this is {self.model_version}"
            )
        check_tensors(embedding.tensors, self.facts.embedding)
