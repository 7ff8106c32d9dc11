"""Look for masks in one region of the photo: embed it, decode its grid of clicks, filter what comes back.

Source: Segment Anything (arXiv 2304.02643), appendix B, and its published code. Must not know: duplicates, files, HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from sam_core.automatic.candidates import Candidate
from sam_core.automatic.config import AutomaticConfig
from sam_core.automatic.decoding import DecodedClicks, GridDecoder
from sam_core.automatic.filters import is_cut_by_crop
from sam_core.automatic.grid import Crop, Points
from sam_core.automatic.measure import Measured, is_hopeless, measure
from sam_core.masks import rle
from sam_core.masks.edges import EdgeGuide
from sam_core.masks.upsample import MaskGeometry
from sam_core.predictor import Predictor
from sam_core.transforms import Size, points_to_model

FIRST_TOKEN = 1  # token 0 answers prompts that are not ambiguous, which one click is


@dataclass(frozen=True)
class CropSearch:
    """Is the search of one crop of a photo."""

    predictor: Predictor
    config: AutomaticConfig
    crop: Crop
    original_size: Size

    @torch.inference_mode()
    def run(self, image_rgb: npt.NDArray[np.uint8], grid: Points) -> Iterator[tuple[int, list[Candidate]]]:
        """Yield, batch by batch, how many clicks were decoded and what passed every filter but that on duplicates.

        image_rgb: the whole photo. grid: clicks in pixels of the crop, N x 2 (x, y).
        """
        model, device = self.predictor.model, self.predictor.device
        embedding = self.predictor.embed(image_rgb, None if self.crop.layer == 0 else self.crop.box_xyxy)
        decoder = GridDecoder(model, torch.from_numpy(embedding.array).float().to(device))
        geometry = MaskGeometry(model.image_size, embedding.input_size, self.crop.size)
        guide = embedding.edge_guide if model.snaps_to_edges else None
        for start in range(0, len(grid), self.config.points_per_batch):
            points = grid[start : start + self.config.points_per_batch]
            points_model = torch.from_numpy(points_to_model(points, self.crop.size, model.image_size)).to(device)
            rows: list[Candidate] = []
            waiting = points
            for piece in decoder.decode(points_model):
                of_piece, waiting = waiting[: len(piece)], waiting[len(piece) :]
                rows += self._pass_filters(decoder, piece, of_piece, geometry, guide)
            yield len(points), rows

    def _pass_filters(
        self,
        decoder: GridDecoder,
        piece: DecodedClicks,
        points: Points,
        geometry: MaskGeometry,
        guide: EdgeGuide | None,
    ) -> list[Candidate]:
        predicted_iou = piece.predicted_iou[:, FIRST_TOKEN:].float().cpu().numpy()  # B x 3
        is_good = predicted_iou > self.config.predicted_iou_threshold
        if self.config.predicted_iou_threshold == 0:
            is_good[:] = True
        clicks, places = (index.tolist() for index in np.nonzero(is_good))
        if not clicks:
            return []
        logits = decoder.low_res_logits(piece, clicks, [place + FIRST_TOKEN for place in places]).float().cpu().numpy()
        rows = []
        for click, place, low in zip(clicks, places, logits, strict=True):
            measured = self._measure_if_stable(low, geometry)
            if measured and guide:
                # how stable a mask is, is asked of the logits as decoded
                on_edges = measure(guide.snap(low, geometry), geometry, offset=self.config.stability_score_offset)
                measured = replace(on_edges, stability_score=measured.stability_score) if on_edges.area_px else None
            if measured and (row := self._candidate(measured, float(predicted_iou[click, place]), points[click])):
                rows.append(row)
        return rows

    def _measure_if_stable(self, low: npt.NDArray[np.float32], geometry: MaskGeometry) -> Measured | None:
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
