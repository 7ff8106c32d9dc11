"""LabelMe: a JSON beside each photo, a shape a mask.

Exact masks are shapes of type "mask" (LabelMe 5.3 and newer): two corners, both inside, and a PNG of the pixels
between them. Polygons are one ring each; parts and holes are joined by cuts of no width, so one mask stays one shape.
Attributes are the shape's `description`, as JSON. Source: github.com/wkentaro/labelme (README, label_file.py).
"""

import base64
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.exchange.base.mask_fields import NO_LABEL
from annotator.exchange.base.read_back import as_read
from annotator.exchange.base.rings import join_parts
from annotator.exchange.base.rows import ImageRow
from annotator.exchange.base.writing import CheckedMask, ReadMask, Writer
from annotator.exchange.files.packages import entries_of
from annotator.exchange.formats.labelme.read import read_shape
from annotator.mask_gateway import crop_of, polygons_from_counts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VERSION = "5.5.0"  # the LabelMe whose files these are


class LabelmeWriter(Writer):
    """Writes NAME.json and, where asked for, the photo beside it."""

    @property
    def is_lossy(self) -> bool:
        """Say whether outlines are simplified."""
        return self.options.segmentation == "polygons" and self.options.tolerance_px > 0

    def write_image(self, image: ImageRow, masks: Sequence[CheckedMask]) -> list[CheckedMask]:
        """Write the image's JSON and, where asked for, the photo."""
        name = image.paired_name if self.options.images == "copy" else image.file_name
        names = {label.pk: label.name for label in self.selection.labels}
        content = {
            "version": VERSION,
            "flags": dict.fromkeys(image.tags, True),
            "shapes": [self._shape(mask, image, names.get(mask.row.label_pk or 0, NO_LABEL)) for mask in masks],
            "imagePath": name.rpartition("/")[2],
            "imageData": None,
            "imageHeight": image.height,
            "imageWidth": image.width,
        }
        self.entries.add(f"{self.own_stem(image)}.json", self.dump(content, of=image.file_name))
        self.photo(image, image.paired_name)
        return list(masks)

    def close(self) -> list[Path]:
        """Finish the package."""
        return self.close_package()

    def read_back(self, paths: list[Path]) -> Iterator[ReadMask]:
        """Parse every shape with the code that imports use."""
        for name, file in entries_of(paths):
            if name.endswith(".json"):
                page = json.load(file)
                size = (page["imageHeight"], page["imageWidth"])
                for shape in page["shapes"]:
                    yield as_read(read_shape(shape, name, name, size), size)

    def _shape(self, mask: CheckedMask, image: ImageRow, label: str) -> dict[str, object]:
        attributes = mask.row.attributes
        shape: dict[str, object] = {
            "label": label,
            "group_id": None,
            "description": json.dumps(attributes, ensure_ascii=False) if attributes else "",
            "flags": {},
        }
        if self.options.segmentation == "polygons":
            polygons = polygons_from_counts(mask.measured.counts, image.size, tolerance_px=self.options.tolerance_px)
            return {**shape, "points": join_parts(polygons), "shape_type": "polygon", "mask": None}
        x, y, width, height = mask.measured.bbox_xywh
        crop = crop_of(mask.measured.counts, image.size, mask.measured.bbox_xywh)
        corners = [[x, y], [x + width - 1, y + height - 1]]
        return {**shape, "points": corners, "shape_type": "mask", "mask": encode_mask(crop)}


def encode_mask(crop: "NDArray[np.bool_]") -> str:
    """Return the pixels as LabelMe keeps them: base64 of a PNG of black and white."""
    from PIL import Image as Pillow

    out = io.BytesIO()
    Pillow.fromarray(crop).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()
