"""The kinds of prompts as data, and the labels that their points carry into a decoder: defined here alone.

A manifest names the kinds that a model takes ("prompts"). Labels are the published ones (Segment Anything, appendix A);
weights depend on them. Must not know: torch, models, coordinates.
"""

from dataclasses import dataclass

PADDING, BACKGROUND, FOREGROUND, TOP_LEFT, BOTTOM_RIGHT = -1, 0, 1, 2, 3


@dataclass(frozen=True)
class PromptKind:
    """A way to say what is meant. labels: of the points it becomes, in their order; none for what is no point."""

    name: str
    labels: tuple[int, ...] = ()


POINTS = PromptKind("points", (BACKGROUND, FOREGROUND))
BOX = PromptKind("box", (TOP_LEFT, BOTTOM_RIGHT))
MASK = PromptKind("mask")
SAM_KINDS = (POINTS, BOX, MASK)
