"""A sheet of first clicks on the demo photos: what a new user of a model sees in the end, for people to look at.

Run: python -m sam_core.training.contact_sheet --photos fixtures/demo/photos --out docs/images/sam_lite_first_clicks.jpg
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from sam_core.modeling.promptable import PromptableModel
from sam_core.multi_view import Answer, MultiViewPredictor
from sam_core.registry import build_model

TILE_PX = 190
COLUMNS = 2
CANDIDATES = (1, 2, 3)
# (x, y) as shares of width and height
CLICKS: dict[str, tuple[tuple[float, float], ...]] = {
    "astronaut": ((0.44, 0.21), (0.39, 0.71), (0.77, 0.84), (0.83, 0.21)),
    "cat": ((0.53, 0.32), (0.38, 0.38), (0.58, 0.81)),
    "coffee": ((0.46, 0.27), (0.18, 0.59), (0.39, 0.57), (0.62, 0.69)),
    "rocket": ((0.503, 0.54), (0.07, 0.32), (0.3, 0.3)),
    "camera": ((0.18, 0.46), (0.39, 0.2), (0.55, 0.3)),
    "retina": ((0.5, 0.3), (0.14, 0.46)),
    "coins": ((0.12, 0.17), (0.9, 0.62), (0.55, 0.61)),
    "deep-field": ((0.725, 0.54), (0.125, 0.46)),
}


def overlay(photo: Image.Image, mask: NDArray[np.bool_], color: tuple[int, int, int]) -> Image.Image:
    """Return photo with a mask of its size (H, W) tinted."""
    pixels = np.array(photo).astype(np.float32)
    pixels[mask] = pixels[mask] * 0.45 + np.array(color, np.float32) * 0.55
    return Image.fromarray(pixels.astype(np.uint8))


def _tile(photo: Image.Image, text: str, point: tuple[float, float] | None) -> Image.Image:
    tile = Image.new("RGB", (TILE_PX, TILE_PX), (24, 24, 28))
    small = photo.copy()
    small.thumbnail((TILE_PX, TILE_PX - 14))
    draw = ImageDraw.Draw(small)
    if point is not None:
        x, y = point[0] * small.width, point[1] * small.height
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=(0, 200, 90), outline=(255, 255, 255))
    tile.paste(small, (0, 14))
    ImageDraw.Draw(tile).text((3, 1), text, fill=(235, 235, 235))
    return tile


def draw_row(photo: Image.Image, point: tuple[float, float], answer: Answer) -> Image.Image:
    """Return one click as a strip: the model's own choice with the click, then the three candidates."""
    row = Image.new("RGB", (TILE_PX * 4, TILE_PX))
    row.paste(_tile(overlay(photo, answer.mask(), (0, 158, 115)), "own choice", point), (0, 0))
    for place, candidate in enumerate(CANDIDATES, start=1):
        score = float(answer.merged.predicted_iou[candidate])
        shade = overlay(photo, answer.mask(candidate), (0, 114, 178))
        text = f"{'> ' if candidate == answer.chosen else ''}candidate {candidate}: {score:.2f}"
        row.paste(_tile(shade, text, None), (place * TILE_PX, 0))
    return row


@torch.inference_mode()
def draw_sheet(sam: PromptableModel, photos: Path) -> Image.Image:
    """Return the whole sheet; photos missing in the folder are left out."""
    rows: list[Image.Image] = []
    for path in sorted(photos.iterdir()):
        if path.stem not in CLICKS:
            continue
        photo = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        asked = MultiViewPredictor(sam, np.array(photo))
        for point in CLICKS[path.stem]:
            click = np.array([[point[0] * photo.width, point[1] * photo.height], [0, 0]])
            answer = asked.answer(click, np.array([1, -1]))
            rows.append(draw_row(photo, point, answer))
    height = -(-len(rows) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (4 * TILE_PX + 8), height * (TILE_PX + 6)), (255, 255, 255))
    for i, row in enumerate(rows):
        sheet.paste(row, ((i % COLUMNS) * (4 * TILE_PX + 8), (i // COLUMNS) * (TILE_PX + 6)))
    return sheet


def main(argv: list[str]) -> int:
    """Draw the sheet of argv's photos and model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="sam_lite")
    parser.add_argument("--checkpoint")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    sheet = draw_sheet(build_model(args.model, args.checkpoint), args.photos)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(args.out, quality=82)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
