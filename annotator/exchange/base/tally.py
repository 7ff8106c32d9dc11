"""What an export did, counted while it runs: the stuff of its certificate. Survives a restart as JSON.

Long lists are cut at LISTED entries, their counts never are. Must not know: formats, rows.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

LISTED = 1000


@dataclass
class Tally:
    """Counts of one export. `loss` sums over masks that a lossy format changed."""

    images: int = 0
    masks_read: int = 0
    masks_written: int = 0
    masks_left_out: int = 0
    left_out: list[dict[str, str]] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)
    named: dict[str, list[Any]] = field(default_factory=dict)
    masks_verified: int = 0
    identical: int = 0
    mismatches: int = 0
    mismatched: list[dict[str, str]] = field(default_factory=list)
    changed_meanwhile: int = 0
    loss: dict[str, float] = field(default_factory=dict)
    masks_sha256: str = ""

    def leave_out(self, *, mask: Any, image: str, reason: str) -> None:
        """Name a mask that is not written."""
        self.masks_left_out += 1
        if len(self.left_out) < LISTED:
            self.left_out.append({"annotation_id": str(mask), "image": image, "reason": reason})

    def note(self, what: str, example: Any = None, *, count: int = 1) -> None:
        """Count something that the reader of the export should know, with examples."""
        self.notes[what] = self.notes.get(what, 0) + count
        examples = self.named.setdefault(what, [])
        if example is not None and len(examples) < LISTED:
            examples.append(example)

    def mismatch(self, *, mask: Any, reason: str) -> None:
        """Name a mask whose file does not hold what is stored."""
        self.mismatches += 1
        if len(self.mismatched) < LISTED:
            self.mismatched.append({"annotation_id": str(mask), "reason": reason})

    def lose(self, *, mask: Any, iou: float, pixels: int) -> None:
        """Note by how much a lossy format changed a mask."""
        loss = self.loss
        loss["masks"] = loss.get("masks", 0) + 1
        loss["pixels"] = loss.get("pixels", 0) + pixels
        loss["iou_sum"] = loss.get("iou_sum", 0.0) + iou
        if iou < loss.get("iou_min", 1.1):
            loss["iou_min"] = iou
            self.named["worst_mask"] = [str(mask)]

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Tally":
        """Return a tally as to_json wrote it."""
        return cls(**data)
