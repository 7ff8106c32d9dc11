"""What a run has come to: result.json as far as it makes sense, and the pictures beside it, kept in the storage.

The file comes from a process of ours, but of whatever version; what does not fit is left out rather than shown.
Must not know: jobs.
"""

import re
from collections.abc import Container
from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _
from typing_extensions import TypedDict

from annotator.errors import InvalidError
from annotator.training.comparison import read_comparison
from annotator.training.run_folder import PICTURES, RESULT, RunFolder
from annotator.training.run_progress import read_json

VERDICTS = ("better", "same", "worse", "unknown")
KEPT = (
    "verdict",
    "reason",
    "recipe",
    "share",
    "parent",
    "version",
    "images",
    "masks",
    "seconds",
    "device",
)
RESULT_BYTES = 16 << 20
MOST_MASKS = 400
MOST_PICTURES = 40
PICTURE_BYTES = 2 << 20
FIGURES = {"miou_1": 0, "miou_3": 2, "miou_5": 4}  # by which of the clicks

_PICTURE = re.compile(r"(better|worse)-(\d{1,3})\.webp")
Result = dict[str, Any]


class Picture(TypedDict):
    """A picture: before, after and the person's mask beside each other; IoU after three clicks, before and after."""

    file: str
    is_better: bool
    image: int | None
    mask: str
    before: float | None
    after: float | None


def read_result(folder: RunFolder) -> Result:
    """Return what a run has come to; raise InvalidError (`no_result`) where the file is not there or is none."""
    path = folder.run / RESULT
    found = read_json(path.read_bytes()) if path.is_file() and path.stat().st_size <= RESULT_BYTES else None
    if not isinstance(found, dict) or found.get("verdict") not in VERDICTS:
        words = _("The training ended without a result that can be read. Start it again.")
        raise InvalidError(words, code="no_result")
    result = {name: found.get(name) for name in KEPT}
    result["reason"] = str(result["reason"] or "")[:1000]
    result["comparison"] = read_comparison(found.get("comparison")).model_dump()
    result["per_mask"] = _masks(found.get("per_mask"))
    result["pictures"] = []
    return result


def keep_pictures(folder: RunFolder, result: Result, improvement_id: int, *, present: Container[int]) -> list[Picture]:
    """Copy the pictures of images that are still `present` into the storage, and return what each shows.

    What is no WebP, or is huge, is left out.
    """
    source = folder.run / PICTURES
    kept: list[Picture] = []
    for path in sorted(source.glob("*.webp"))[:MOST_PICTURES] if source.is_dir() else []:
        match = _PICTURE.fullmatch(path.name)
        if not match or not _is_webp(path) or path.stat().st_size > PICTURE_BYTES:
            continue
        picture = _describe_picture(path.name, result, is_better=match[1] == "better", rank=int(match[2]))
        if picture["image"] in present:
            with path.open("rb") as file:
                default_storage.save(picture_name(improvement_id, path.name), File(file))
            kept.append(picture)
    return kept


def images_shown(result: Result) -> set[int]:
    """Return the ids of the images of the masks that were compared."""
    names = (str(row["image"]) for row in result["per_mask"])
    return {int(name) for name in names if name.isdecimal() and len(name) < 18}


def _describe_picture(name: str, result: Result, *, is_better: bool, rank: int) -> Picture:
    """Return what a picture shows: the pictures are numbered from the largest change, as `per_mask` is sorted."""
    rows = result["per_mask"]
    row = rows[-rank if is_better else rank - 1] if 1 <= rank <= len(rows) else {}
    image = str(row.get("image", ""))
    return {
        "file": name,
        "is_better": is_better,
        "image": int(image) if image.isdecimal() and len(image) < 18 else None,
        "mask": str(row.get("id", "")),
        "before": row.get("before"),
        "after": row.get("after"),
    }


def picture_name(improvement_id: int, name: str) -> str:
    """Return the storage name of a picture."""
    return f"improvements/{improvement_id}/{name}"


def figures_of(result: Result) -> dict[str, float]:
    """Return the figures of the new weights for the list of models: IoU on held-out images after 1, 3 and 5 clicks."""
    simulated = read_comparison(result["comparison"]).simulated
    return {} if simulated is None else {name: round(simulated.after.iou[at], 3) for name, at in FIGURES.items()}


def _masks(rows: object) -> list[dict[str, Any]]:
    """Return the held-out masks with their IoU after three clicks, those that lost most first, MOST_MASKS of them."""
    if not isinstance(rows, list):
        return []
    whole = [
        {name: row[name] for name in ("image", "id", "before", "after")}
        for row in rows
        if isinstance(row, dict) and all(isinstance(row.get(name), int | float) for name in ("before", "after"))
        and {"image", "id"} <= row.keys()
    ]  # fmt: skip
    whole.sort(key=lambda row: row["after"] - row["before"])
    half = MOST_MASKS // 2
    return whole if len(whole) <= MOST_MASKS else [*whole[:half], *whole[-half:]]


def _is_webp(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"
