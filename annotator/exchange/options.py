"""What an export or import is asked for: one checked object that the page, the API and the commands all fill.

Must not know: rows, files, formats' insides.
"""

from datetime import datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema, model_validator

from annotator.annotations.models import State
from annotator.exchange.registry import READ, SPECS, WRITTEN, formats_with
from annotator.images.models import WorkStatus
from annotator.projects.models import Stage

IMPORTED = ("auto", *READ)
# Options that are refused where a format does not have them, each with what it is unless asked for.
_ELSEWHERE = {"segmentation": "rle", "shortest_side_px": None, "layout": "one", "cutout": "tight"}


def _check_one_of(names: tuple[str, ...]) -> AfterValidator:
    def check(value: str) -> str:
        if value not in names:
            raise ValueError(f"It is none of {', '.join(names)}")
        return value

    return AfterValidator(check)


ExportFormat = Annotated[str, _check_one_of(WRITTEN), WithJsonSchema({"type": "string", "enum": list(WRITTEN)})]
ImportFormat = Annotated[str, _check_one_of(IMPORTED), WithJsonSchema({"type": "string", "enum": list(IMPORTED)})]
SPLITS = ("train", "val", "test")
Ids = Annotated[list[int], Field(max_length=10_000)]
Ratio = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Filters(Schema):
    """Which masks and images; an empty list means all. `labels` may hold 0 for masks without a label."""

    model_config = ConfigDict(extra="forbid")

    labels: Ids = Field(default_factory=list)
    authors: Ids = Field(default_factory=list)
    stages: list[Stage] = Field(default_factory=list)
    work_statuses: list[WorkStatus] = Field(default_factory=list)
    states: list[State] = Field(default_factory=lambda: [State.ACCEPTED])
    tags: list[Annotated[str, Field(max_length=50)]] = Field(default_factory=list, max_length=100)
    splits: list[Literal["train", "val", "test"]] = Field(default_factory=list)
    created_from: datetime | None = None
    created_before: datetime | None = None
    only_annotated: bool = False


class ExportOptions(Schema):
    """What to write and how. `tolerance_px` is 0 for outlines that follow the pixels exactly.

    images: none; copy (photos in the export, turned upright); links (their addresses, `base_url` in front).
    val_ratio and test_ratio apply to photos without a split of their own, by their content's hash.
    """

    model_config = ConfigDict(extra="forbid")

    format: ExportFormat = "coco"
    segmentation: Literal["rle", "polygons"] = "rle"
    tolerance_px: float = Field(default=0.0, ge=0, le=100, allow_inf_nan=False)
    holes: Literal["keyhole", "rle"] = "keyhole"
    layout: Literal["one", "splits"] = "one"
    cutout: Literal["tight", "photo"] = "tight"
    images: Literal["none", "copy", "links"] = "none"
    base_url: str = Field(default="", max_length=200)
    shortest_side_px: int | None = Field(default=None, ge=64, le=20_000)
    shard_images: int = Field(default=1000, ge=1, le=100_000)
    container: Literal["auto", "zip", "tar"] = "auto"
    provenance: bool = True
    val_ratio: Ratio = 0.1
    test_ratio: Ratio = 0.1
    filters: Filters = Field(default_factory=Filters)

    @model_validator(mode="after")
    def _fits_together(self) -> "ExportOptions":
        if self.val_ratio + self.test_ratio > 1:
            raise ValueError("val_ratio and test_ratio add up to more than 1")
        taken = SPECS[self.format].options
        for name, usual in _ELSEWHERE.items():
            if name not in taken and getattr(self, name) != usual:
                raise ValueError(f"{name} is an option of {formats_with(name)}, not of {self.format}")
        return self


class ImportOptions(Schema):
    """How to read a file. `label_map`: name in the file -> label id, "new" (make one), "none" (no label), "skip".

    Names left out go to the label of the same name, or to a new one. SA-1B has no names: `default_label` counts.
    `files` chooses among the parts of a file, by name; none means those that the preview proposes. `loose_names` takes
    a photo by its last name alone, whatever its folder and content. `boxes`: what becomes of rows that are a box
    without a mask; of "suggest" the model makes masks for people to decide on.
    """

    model_config = ConfigDict(extra="forbid")

    format: ImportFormat = "auto"
    label_map: dict[str, int | Literal["new", "none", "skip"]] = Field(default_factory=dict, max_length=10_000)
    default_label: int | None = None
    state: State | None = None
    add_images: bool = True
    files: list[Annotated[str, Field(max_length=1000)]] = Field(default_factory=list, max_length=1000)
    loose_names: bool = False
    boxes: Literal["skip", "suggest"] = "skip"
