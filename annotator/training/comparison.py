"""What sam_core says of two models on the same held-out masks (`comparison` of result.json), read once and typed.

IoU lists are means after 1, 2, ... simulated clicks. Must not know: rows, jobs.
"""

from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

MOST_ROWS = 200
SHOWN_CLICKS = 5  # the most clicks after which a figure is shown
Curve = Annotated[list[float], Field(min_length=SHOWN_CLICKS, max_length=100)]


class Interval(BaseModel):
    """A mean difference and the 95 % interval of it."""

    mean: float
    low: float
    high: float


class Figures(BaseModel):
    """One model: IoU after each click, and the clicks that it took to an IoU of .85 and .90."""

    iou: Curve
    clicks_to_85: float
    clicks_to_90: float


class Change(BaseModel):
    """The old model, the new one, and the difference by figure: iou1, iou3, iou5, clicks_to_85, clicks_to_90."""

    before: Figures
    after: Figures
    difference: dict[str, Interval]


class Group(BaseModel):
    """Masks of one label, or of one size, by whichever name they have."""

    label: str = Field("", max_length=1000)
    size: str = Field("", max_length=100)
    masks: int
    before: Curve
    after: Curve

    @property
    def name(self) -> str:
        """Return the label or the size; empty for masks without a label."""
        return self.label or self.size


class GeneralFigures(BaseModel):
    """One model on the photos that ship with sam_core: IoU after one and three clicks, and of boxes."""

    iou1: float
    iou3: float
    box: float


class General(BaseModel):
    """Both models on these photos: what was forgotten."""

    before: GeneralFigures
    after: GeneralFigures


class Comparison(BaseModel):
    """The whole comparison; nothing of it where no mask was measured."""

    simulated: Change | None = None
    replayed: Change | None = None
    by_label: list[Group] = Field(default_factory=list)
    by_size: list[Group] = Field(default_factory=list)
    general: General | None = None


def read_comparison(raw: object) -> Comparison:
    """Return a comparison with at most MOST_ROWS labels; an empty one for what is none."""
    try:
        found = Comparison.model_validate(raw)
    except ValidationError:
        return Comparison()
    return found.model_copy(update={"by_label": found.by_label[:MOST_ROWS], "by_size": found.by_size[:MOST_ROWS]})
