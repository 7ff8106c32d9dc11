"""Photos and masks in SA-1B layout, cropped and augmented into training samples.

A folder holds sets (sub-folders), a set holds NAME.{jpg,png,webp} beside NAME.json. Sets differ in size by a
factor of fifty: a sample draws a set, then a photo, then masks. Unlabelled area is not background: only masks
that are there become targets.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from sam_core.geometry import Geometry, Size
from sam_core.masks import rle as coco
from sam_core.masks.views import LEAST_SIDE_PX
from sam_core.modeling.promptable import PromptableModel
from sam_core.training.clicks import CELL_PX
from sam_core.training.config import DataConfig
from sam_core.training.photo_memory import DataError, PhotoMemory

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
PADDING_RGB = (127, 127, 127)  # normalises to the zeros that sam_lite's prediction pads with
MAX_DRAWS = 1000
Mask = NDArray[Any]  # (H, W) uint8 of 0 and 1
Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Record:
    """One photo: where it is, and its masks as run lengths with the annotator who drew each, if known."""

    set_name: str
    image_path: Path
    rles: tuple[dict[str, Any], ...]
    annotators: tuple[Any, ...]


@dataclass(frozen=True)
class Sample:
    """pixels (3, S, S) uint8 RGB padded outside the photo; masks (M, side, side) uint8, as logits lie; valid h, w."""

    pixels: NDArray[np.uint8]
    masks: Mask
    valid_hw: tuple[int, int]


def read_records(folders: tuple[str, ...]) -> dict[str, list[Record]]:
    """Index the folders by set; DataError if nothing is found."""
    sets: dict[str, list[Record]] = {}
    for folder in folders:
        for json_path in sorted(Path(folder).rglob("*.json")):
            record = _read_record(json_path)
            if record is not None:
                sets.setdefault(record.set_name, []).append(record)
    if not sets:
        raise DataError(f"no photo with masks below {', '.join(folders) or 'an empty list of folders'}")
    return sets


def _read_record(json_path: Path) -> Record | None:
    image_path = next((p for s in IMAGE_SUFFIXES if (p := json_path.with_suffix(s)).exists()), None)
    if image_path is None:
        return None
    annotations = json.loads(json_path.read_text(encoding="utf-8"))["annotations"]
    if not annotations:
        return None
    return Record(
        set_name=json_path.parent.name,
        image_path=image_path,
        rles=tuple(a["segmentation"] for a in annotations),
        annotators=tuple(a.get("annotator") for a in annotations),
    )


class CropDataset(Dataset[Sample]):
    """Augmented crops, drawn by set, photo and mask. Sample i depends on the seed and i alone: a resumed run goes
    on with the very samples it would have seen.

    cell_px: model pixels that a cell of the targets covers. padding_rgb: what lies outside of the photo. Photos stay
    in memory once read (PhotoMemory); masks stay run lengths. One that has gone meanwhile is drawn no more.
    """

    def __init__(
        self,
        sets: dict[str, list[Record]],
        config: DataConfig,
        *,
        geometry: Geometry,
        seed: int,
        cell_px: int = CELL_PX,
        padding_rgb: Rgb = PADDING_RGB,
    ) -> None:
        self.sets, self.config, self.geometry, self.seed = sets, config, geometry, seed
        self.cell_px, self.padding_rgb = cell_px, padding_rgb
        self.names = sorted(sets)
        weights = np.array([len(sets[n]) ** config.set_power * config.set_weights.get(n, 1.0) for n in self.names])
        self.set_probabilities = weights / weights.sum()
        self.photos = PhotoMemory(geometry, config)
        cv2.setNumThreads(0)

    @classmethod
    def of_model(
        cls, model: PromptableModel, sets: dict[str, list[Record]], config: DataConfig, *, seed: int
    ) -> CropDataset:
        """Return samples as a model takes them."""
        red, green, blue = (round(float(level)) for level in model.pixel_mean.flatten())
        cell_px = model.image_size // model.mask_side
        padding_rgb = (red, green, blue)
        return cls(sets, config, geometry=model.geometry, seed=seed, cell_px=cell_px, padding_rgb=padding_rgb)

    def __getitem__(self, index: int) -> Sample:
        rng = np.random.default_rng([self.seed, index])
        unreadable: DataError | None = None
        for _ in range(MAX_DRAWS):
            try:
                sample = self.draw(rng)
            except DataError as error:  # deleted or damaged since the folder was read
                unreadable = error
                continue
            if sample is not None:
                return sample
        raise unreadable or DataError(
            f"{MAX_DRAWS} crops in a row held no mask of a usable size; look at the data or at scale_range"
        )

    def draw(self, rng: np.random.Generator) -> Sample | None:
        """Draw one sample; None if the crop held no usable mask, DataError if its photo cannot be read."""
        record = self._draw_record(rng)
        photo = self.photos.read(record.image_path)
        targets = self._draw_targets(record, photo.shape[:2], rng)
        if rng.random() < self.config.paste_probability:
            photo, targets = self._paste(record, photo, targets, rng)
        if self.config.rotation_probability and rng.random() < self.config.rotation_probability:
            degrees = rng.uniform(-1, 1) * self.config.max_rotation
            photo, targets = turn(photo, targets, degrees, padding_rgb=self.padding_rgb)
        return crop_sample(
            photo,
            targets,
            self.config,
            geometry=self.geometry,
            rng=rng,
            cell_px=self.cell_px,
            padding_rgb=self.padding_rgb,
        )

    def _draw_record(self, rng: np.random.Generator) -> Record:
        records = self.sets[self.names[rng.choice(len(self.names), p=self.set_probabilities)]]
        return records[rng.integers(len(records))]

    def _draw_targets(self, record: Record, hw: tuple[int, int], rng: np.random.Generator) -> list[Mask]:
        # a few more than needed: some fall outside the crop or are too small there
        order = rng.permutation(len(record.rles))[: 3 * self.config.masks_per_image]
        targets = []
        for index in order:
            rle = record.rles[index]
            if record.annotators[index] is not None and rng.random() < self.config.union_probability:
                rle = with_neighbour(record, int(index), rng)
            targets.append(decode_at(rle, hw))
        return targets

    def _paste(
        self, record: Record, photo: NDArray[np.uint8], targets: list[Mask], rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], list[Mask]]:
        twins = self.config.twin_probability
        if twins and targets and record.annotators[0] is None and rng.random() < twins:
            return paste_twin(photo, targets, rng)
        donor = self._draw_record(rng)
        if donor.annotators[0] is not None:  # regions of a partition are no objects
            return photo, targets
        source = self.photos.read(donor.image_path)
        mask = decode_at(donor.rles[rng.integers(len(donor.rles))], source.shape[:2])
        return paste_object(photo, targets, source, mask, rng)


def with_neighbour(record: Record, index: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return the union of a region and one that touches it, drawn by the same annotator: a group as target."""
    box = coco.bbox_xywh(record.rles[index])
    grown = np.array([box[0] - 2, box[1] - 2, box[2] + 4, box[3] + 4])
    candidates = []
    for other, rle in enumerate(record.rles):
        if other == index or record.annotators[other] != record.annotators[index]:
            continue
        x, y, w, h = coco.bbox_xywh(rle)
        if x < grown[0] + grown[2] and grown[0] < x + w and y < grown[1] + grown[3] and grown[1] < y + h:
            candidates.append(other)
    if not candidates:
        return record.rles[index]
    chosen = candidates[rng.integers(len(candidates))]
    return dict(coco.union([record.rles[index], record.rles[chosen]]))


def decode_at(rle: dict[str, Any], hw: tuple[int, int]) -> Mask:
    """Decode run lengths to an (H, W) mask of 0 and 1 at the size at which the photo is kept."""
    mask: Mask = coco.decode(rle).astype(np.uint8)
    if mask.shape != hw:
        mask = cv2.resize(mask, (hw[1], hw[0]), interpolation=cv2.INTER_NEAREST)
    return mask


def paste_object(
    photo: NDArray[np.uint8],
    targets: list[Mask],
    source: NDArray[np.uint8],
    mask: Mask,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], list[Mask]]:
    """Paste source's object into a copy of photo, in front of everything; its mask becomes the first target."""
    x, y, w, h = cv2.boundingRect(mask)
    if w < 8 or h < 8:
        return photo, targets
    height, width = photo.shape[:2]
    scale = rng.uniform(0.15, 0.7) * min(height / h, width / w)
    new_w, new_h = max(8, int(w * scale)), max(8, int(h * scale))
    x0, y0 = int(rng.integers(0, width - new_w + 1)), int(rng.integers(0, height - new_h + 1))
    cut = source[y : y + h, x : x + w], mask[y : y + h, x : x + w]
    return _put(photo, targets, cut, (x0, y0, new_w, new_h))


def paste_twin(
    photo: NDArray[np.uint8], targets: list[Mask], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], list[Mask]]:
    """Paste one target's copy beside it or over its edge, of nearly its size; the copy becomes the first target.

    Some are mirrored. What looks alike and touches is told apart by its shape then, as animals in a group are.
    """
    mask = targets[rng.integers(len(targets))]
    x, y, w, h = cv2.boundingRect(mask)
    height, width = photo.shape[:2]
    scale = rng.uniform(0.7, 1.2)
    new_w, new_h = round(w * scale), round(h * scale)
    if min(new_w, new_h) < 8 or new_w > width or new_h > height:
        return photo, targets
    angle, apart = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 1.0)
    x0 = round(x + w / 2 + np.cos(angle) * apart * w - new_w / 2)
    y0 = round(y + h / 2 + np.sin(angle) * apart * h - new_h / 2)
    x0, y0 = int(np.clip(x0, 0, width - new_w)), int(np.clip(y0, 0, height - new_h))
    step = -1 if rng.random() < 0.5 else 1
    cut = photo[y : y + h, x : x + w][:, ::step], mask[y : y + h, x : x + w][:, ::step]
    return _put(photo, targets, cut, (x0, y0, new_w, new_h))


def _put(
    photo: NDArray[np.uint8],
    targets: list[Mask],
    cut: tuple[NDArray[np.uint8], Mask],
    box: tuple[int, int, int, int],
) -> tuple[NDArray[np.uint8], list[Mask]]:
    """Put a cut, its pixels and its mask, into box (x, y, w, h) of a copy of photo, in front of all targets."""
    x0, y0, width, height = box
    pixels = cv2.resize(np.ascontiguousarray(cut[0]), (width, height), interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(np.ascontiguousarray(cut[1] * 255), (width, height), interpolation=cv2.INTER_AREA)
    alpha = cv2.GaussianBlur(alpha, (3, 3), 0)
    window = (slice(y0, y0 + height), slice(x0, x0 + width))
    weight = alpha[:, :, None].astype(np.float32) / 255
    photo = photo.copy()
    photo[window] = (pixels * weight + photo[window] * (1 - weight)).astype(np.uint8)
    pasted = np.zeros(photo.shape[:2], np.uint8)
    pasted[window] = alpha > 127
    return photo, [pasted, *(t * (1 - pasted) for t in targets)]


def turn(
    photo: NDArray[np.uint8], targets: list[Mask], degrees: float, *, padding_rgb: Rgb = PADDING_RGB
) -> tuple[NDArray[np.uint8], list[Mask]]:
    """Turn photo and targets about the photo's middle; what comes in at the corners is padding."""
    height, width = photo.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    size = (width, height)
    turned: NDArray[Any] = cv2.warpAffine(photo, matrix, size, flags=cv2.INTER_CUBIC, borderValue=padding_rgb)
    masks = [cv2.warpAffine(target * 255, matrix, (width, height)) > 127 for target in targets]
    return turned, [mask.astype(np.uint8) for mask in masks]


def crop_sample(
    photo: NDArray[np.uint8],
    targets: list[Mask],
    config: DataConfig,
    *,
    geometry: Geometry,
    rng: np.random.Generator,
    cell_px: int = CELL_PX,
    padding_rgb: Rgb = PADDING_RGB,
) -> Sample | None:
    """Scale, stretch, crop, flip and jitter a photo into a square sample, with masks on the grid of the logits."""
    image_size = geometry.image_size
    window, scale = draw_window(photo.shape[:2], targets, config, geometry=geometry, rng=rng)
    y0, x0, y1, x1 = window
    stretch = draw_stretch(config, rng)
    out_h = min(image_size, max(8, round((y1 - y0) * scale[0] * stretch)))
    out_w = min(image_size, max(8, round((x1 - x0) * scale[1] / stretch)))
    flip = rng.random() < config.flip_probability
    pixels = _resize(photo[y0:y1, x0:x1], out_w, out_h)
    pixels = jitter_colors(pixels[:, ::-1] if flip else pixels, config, rng)
    padded = np.full((image_size, image_size, 3), padding_rgb, np.uint8)
    padded[:out_h, :out_w] = pixels

    side = image_size // cell_px
    rows, columns = max(4, out_h // cell_px), max(4, out_w // cell_px)
    bounds = (config.min_mask_area_ratio * side * side, config.max_mask_area_ratio * rows * columns)
    masks = []
    for target in targets:
        piece = _resize(target[y0:y1, x0:x1] * 255, columns, rows) > 127
        if max(1, bounds[0]) <= int(piece.sum()) <= bounds[1]:
            mask = np.zeros((side, side), np.uint8)
            mask[:rows, :columns] = piece[:, ::-1] if flip else piece
            masks.append(mask)
    if not masks:
        return None
    chosen = [masks[i % len(masks)] for i in range(config.masks_per_image)]
    return Sample(np.ascontiguousarray(padded.transpose(2, 0, 1)), np.stack(chosen), (out_h, out_w))


def _resize(array: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    method = cv2.INTER_AREA if width < array.shape[1] else cv2.INTER_LINEAR
    resized: NDArray[Any] = cv2.resize(np.ascontiguousarray(array), (width, height), interpolation=method)
    return resized


def draw_window(
    hw: Size, targets: list[Mask], config: DataConfig, *, geometry: Geometry, rng: np.random.Generator
) -> tuple[tuple[int, int, int, int], tuple[float, float]]:
    """Choose the crop (y0, x0, y1, x1) in photo pixels and the scales (down, across) from the photo to the sample."""
    if targets and config.near_probability and rng.random() < config.near_probability:
        return near_window(hw, targets[rng.integers(len(targets))], config, geometry=geometry, rng=rng)
    height, width = hw
    low, high = config.scale_range
    frame_px = geometry.image_size * float(np.exp(rng.uniform(np.log(low), np.log(high))))
    down, across = (frame_px / side for side in geometry.frame(hw))
    crop_h, crop_w = min(height, int(geometry.image_size / down)), min(width, int(geometry.image_size / across))
    center_y, center_x = rng.uniform(0, height), rng.uniform(0, width)
    if targets and rng.random() < config.focus_probability:
        x, y, w, h = cv2.boundingRect(targets[rng.integers(len(targets))])
        center_y = y + h / 2 + rng.uniform(-0.25, 0.25) * crop_h
        center_x = x + w / 2 + rng.uniform(-0.25, 0.25) * crop_w
    y0 = int(np.clip(center_y - crop_h / 2, 0, height - crop_h))
    x0 = int(np.clip(center_x - crop_w / 2, 0, width - crop_w))
    return (y0, x0, y0 + crop_h, x0 + crop_w), (down, across)


def near_window(
    hw: Size, target: Mask, config: DataConfig, *, geometry: Geometry, rng: np.random.Generator
) -> tuple[tuple[int, int, int, int], tuple[float, float]]:
    """Choose a crop around one mask as a zoom view shows it: it fills the sample, however small the mask is."""
    height, width = hw
    x, y, w, h = cv2.boundingRect(target)
    low, high = config.near_range
    side = max(round(max(w, h) * float(np.exp(rng.uniform(np.log(low), np.log(high))))), LEAST_SIDE_PX)
    crop_h, crop_w = min(height, side), min(width, side)
    y0 = int(np.clip(y + (h - crop_h) / 2, 0, height - crop_h))
    x0 = int(np.clip(x + (w - crop_w) / 2, 0, width - crop_w))
    down, across = (geometry.image_size / side for side in geometry.frame((crop_h, crop_w)))
    return (y0, x0, y0 + crop_h, x0 + crop_w), (down, across)


def draw_stretch(config: DataConfig, rng: np.random.Generator) -> float:
    """Draw the factor by which a crop grows in height and shrinks in width: max_stretch at most between the two."""
    if config.max_stretch == 1:
        return 1.0
    return float(np.exp(rng.uniform(-1, 1) * np.log(config.max_stretch) / 2))


def jitter_colors(pixels: NDArray[np.uint8], config: DataConfig, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Change brightness, contrast and colour balance at random; sometimes drop the colour."""
    amount = config.color_jitter
    if rng.random() < config.gray_probability:
        pixels = np.repeat(pixels.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    contrast = rng.uniform(1 - amount, 1 + amount)
    gain = rng.uniform(1 - amount, 1 + amount) * rng.uniform(1 - amount / 3, 1 + amount / 3, size=3)
    # an affine map per channel is a table of 256 values: forty times faster than float arithmetic on the pixels
    mean = cv2.mean(np.ascontiguousarray(pixels))[:3]
    levels = np.arange(256)[:, None]
    table = np.clip(((levels - mean) * contrast + mean) * gain, 0, 255).astype(np.uint8)[None]
    jittered: NDArray[Any] = cv2.LUT(np.ascontiguousarray(pixels), table)
    return jittered


def collate(samples: list[Sample]) -> tuple[torch.Tensor, torch.Tensor]:
    """Stack samples as pixels (B, 3, S, S) uint8 and masks (B, M, side, side) uint8."""
    pixels = torch.from_numpy(np.stack([s.pixels for s in samples]))
    masks = torch.from_numpy(np.stack([s.masks for s in samples]))
    return pixels, masks
