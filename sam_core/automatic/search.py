"""Look for masks in one region of the photo: embed it, decode its grid of clicks, filter what comes back.

Source: Segment Anything (arXiv 2304.02643), appendix B, and its published code. Must not know: duplicates, files, HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from sam_core.automatic.candidates import Candidate
from sam_core.automatic.config import AutomaticConfig
from sam_core.automatic.decoding import DecodedClicks, GridDecoder
from sam_core.automatic.filters import is_cut_by_crop
from sam_core.automatic.grid import Crop, Points
from sam_core.automatic.measure import Measured, is_hopeless, measure
from sam_core.backends.torch_backend import TorchPredictor, as_tensors
from sam_core.geometry import PhotoGeometry, Size
from sam_core.masks import rle
from sam_core.predictor import ImageEmbedding

FIRST_TOKEN = 1  # token 0 answers prompts that are not ambiguous, which one click is


@dataclass(frozen=True)
class CropSearch:
    """The search of one crop of a photo. embedding: the crop's, where it is known already."""

    predictor: TorchPredictor
    config: AutomaticConfig
    crop: Crop
    original_size: Size
    embedding: ImageEmbedding | None = None

    @torch.inference_mode()
    def run(self, image_rgb: npt.NDArray[np.uint8], grid: Points) -> Iterator[tuple[int, list[Candidate]]]:
        """Yield, batch by batch, how many clicks were decoded and what passed every filter but that on duplicates.

        image_rgb: the whole photo. grid: clicks in pixels of the crop, N x 2 (x, y).
        """
        model, device = self.predictor.model, self.predictor.device
        box = None if self.crop.layer == 0 else self.crop.box_xyxy
        embedding = self.embedding or self.predictor.embed(image_rgb, box)
        decoder = GridDecoder(model, as_tensors(embedding.tensors, device))
        geometry = embedding.geometry
        for start in range(0, len(grid), self.config.points_per_batch):
            points = grid[start : start + self.config.points_per_batch]
            points_model = torch.from_numpy(geometry.points_to_model(points).astype(np.float32)).to(device)
            rows: list[Candidate] = []
            waiting = points
            for piece in decoder.decode(points_model):
                count = len(piece.predicted_iou)
                rows += self._pass_filters(piece, waiting[:count], geometry)
                waiting = waiting[count:]
            yield len(points), rows

    def _pass_filters(self, piece: DecodedClicks, points: Points, geometry: PhotoGeometry) -> list[Candidate]:
        predicted_iou = piece.predicted_iou[:, FIRST_TOKEN:].float().cpu().numpy()  # B x 3
        is_good = predicted_iou > self.config.predicted_iou_threshold
        if self.config.predicted_iou_threshold == 0:
            is_good[:] = True
        clicks, places = (index.tolist() for index in np.nonzero(is_good))
        if not clicks:
            return []
        logits = piece.low_res_logits(clicks, [place + FIRST_TOKEN for place in places]).float().cpu().numpy()
        rows = []
        for click, place, low in zip(clicks, places, logits, strict=True):
            measured = self._measure_if_stable(low, geometry)
            if measured and (row := self._candidate(measured, float(predicted_iou[click, place]), points[click])):
                rows.append(row)
        return rows

    def _measure_if_stable(self, low: npt.NDArray[np.float32], geometry: PhotoGeometry) -> Measured | None:
        threshold, offset = self.config.stability_score_threshold, self.config.stability_score_offset
        if not self.config.is_exact and is_hopeless(low, geometry, threshold=threshold, offset=offset):
            return None
        measured = measure(low, geometry, offset=offset)
        return measured if measured.area_px and np.float32(measured.stability_score) >= np.float32(threshold) else None

    def _candidate(self, measured: Measured, predicted_iou: float, point: npt.NDArray[np.float64]) -> Candidate | None:
        """Put a measured mask into the photo; None if the crop cuts it or it covers nearly the whole photo."""
        x0, y0, _, _ = self.crop.box_xyxy
        left, top = measured.left + x0, measured.top + y0
        height, width = measured.pixels.shape
        box_inclusive = (left, top, left + width - 1, top + height - 1)
        tolerance_px = self.config.crop_edge_tolerance_px
        if is_cut_by_crop(box_inclusive, self.crop.box_xyxy, self.original_size, tolerance_px):
            return None
        area_px = measured.area_px
        if area_px > self.config.max_area_ratio * self.original_size[0] * self.original_size[1]:
            return None
        return Candidate(
            mask=rle.encode_within(measured.pixels, corner=(top, left), size=self.original_size),
            box_xywh=(left, top, width, height),
            area_px=area_px,
            predicted_iou=predicted_iou,
            stability_score=measured.stability_score,
            point=(float(point[0]) + x0, float(point[1]) + y0),
            crop_box_xyxy=self.crop.box_xyxy,
        )
