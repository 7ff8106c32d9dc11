"""Label Studio: tasks.json to import, and label_config.xml to paste as the labelling interface.

Brush strokes hold every pixel; polygons are one ring each in percent of the photo's sides, parts and holes joined by
cuts of no width. Label Studio finds photos by address: those in the package by its local files (images/NAME below the
folder it serves), those linked by their address here. Source: labelstud.io/guide (raw JSON, brush labels).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from annotator.exchange.base.read_back import as_read
from annotator.exchange.base.rings import join_parts
from annotator.exchange.base.rows import ImageRow
from annotator.exchange.base.writing import CheckedMask, ReadMask, Writer, photo_url
from annotator.exchange.files.growing_list import GrowingList
from annotator.exchange.files.json_parts import read_parts
from annotator.exchange.files.packages import Position, entries_of
from annotator.exchange.files.xml_stream import tag
from annotator.exchange.formats.labelstudio.brush import pack_brush
from annotator.exchange.formats.labelstudio.read import read_result
from annotator.mask_gateway import decode, polygons_from_counts

TASKS_NAME, CONFIG_NAME = "tasks.json", "label_config.xml"
_RESULT = ("*", "annotations", "*", "result", "*")
_ENTERED = [_RESULT[:length] for length in range(len(_RESULT))]


class LabelStudioWriter(Writer):
    """Writes the tasks into a growing list that goes into the package at the end."""

    @property
    def is_lossy(self) -> bool:
        """Say whether outlines are simplified."""
        return self.options.segmentation == "polygons" and self.options.tolerance_px > 0

    def open(self, positions: dict[str, Position]) -> None:
        """Open the list of tasks."""
        self._tasks = GrowingList(self.folder / "tasks.part", positions.get("tasks"))
        self.beside = [self._tasks]
        if not positions:
            self.entries.add(CONFIG_NAME, self._config().encode())

    def write_image(self, image: ImageRow, masks: Sequence[CheckedMask]) -> list[CheckedMask]:
        """Write the image's task and, where asked for, the photo."""
        results = [self._result(mask, image) for mask in masks]
        data = {"image": self._address(image), "file_name": image.file_name}
        task = {"id": image.number, "data": data, "annotations": [{"result": results}]}
        self._tasks.add([self.dump(task, of=image.file_name)])
        self.photo(image, f"images/{image.file_name}")
        return list(masks)

    def checkpoint(self) -> dict[str, Position]:
        """Flush all files."""
        return {**super().checkpoint(), "tasks": self._tasks.checkpoint()}

    def close(self) -> list[Path]:
        """Put the tasks into the package."""
        self._tasks.close()
        whole = self.folder / f"{self.name}.json"
        with whole.open("wb") as out:
            self._tasks.copy_to(out)
        with whole.open("rb") as file:
            self.entries.add_file(TASKS_NAME, file, whole.stat().st_size)
        whole.unlink()
        return self.close_package()

    def read_back(self, paths: list[Path]) -> Iterator[ReadMask]:
        """Parse every result with the code that imports use."""
        for name, file in entries_of(paths):
            if name == TASKS_NAME:
                for path, result in read_parts(file, enter=_ENTERED, take=[_RESULT]):
                    if path == _RESULT:
                        size = (result["original_height"], result["original_width"])
                        yield as_read(read_result(result, "", "", size), size)

    def _address(self, image: ImageRow) -> str:
        if self.options.images == "links":
            return photo_url(image, self.options.base_url)
        return f"/data/local-files/?d={quote(f'images/{image.file_name}')}"

    def _result(self, mask: CheckedMask, image: ImageRow) -> dict[str, object]:
        names = {label.pk: label.name for label in self.selection.labels}
        name = names.get(mask.row.label_pk or 0)
        facts = {
            "id": str(mask.row.pk),
            "to_name": "image",
            "original_width": image.width,
            "original_height": image.height,
            "image_rotation": 0,
        }
        said = [name] if name is not None else []
        if self.options.segmentation == "polygons":
            polygons = polygons_from_counts(mask.measured.counts, image.size, tolerance_px=self.options.tolerance_px)
            points = [[100 * x / image.width, 100 * y / image.height] for x, y in join_parts(polygons)]
            value: dict[str, object] = {"points": points, "closed": True, "polygonlabels": said}
            return {**facts, "type": "polygonlabels", "from_name": "polygon", "value": value}
        rle = pack_brush(decode(mask.measured.counts, image.size))
        value = {"format": "rle", "rle": rle, "brushlabels": said}
        return {**facts, "type": "brushlabels", "from_name": "brush", "value": value}

    def _config(self) -> str:
        labels = "".join(
            f"    {tag('Label', value=label.name, background=label.color)}\n" for label in self.selection.labels
        )
        is_polygon = self.options.segmentation == "polygons"
        kind, name = ("PolygonLabels", "polygon") if is_polygon else ("BrushLabels", "brush")
        return (
            '<View>\n  <Image name="image" value="$image" zoom="true"/>\n'
            f'  <{kind} name="{name}" toName="image">\n{labels}  </{kind}>\n</View>\n'
        )
