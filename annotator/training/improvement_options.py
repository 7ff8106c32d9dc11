"""What an improvement may be asked for, and a project's setting that asks for one by itself."""

from dataclasses import dataclass
from typing import ClassVar

from django.utils.translation import gettext as _

from annotator.projects.models import Project
from annotator.projects.options import Options, read_options

MINUTES = (1, 24 * 60)
USUAL_MINUTES = 15
FEWEST_NEW_MASKS = 10
MOST_NEW_MASKS = 1_000_000
# As `python -m sam_core improve` names them; an empty one lets it choose by the data's size and the device.
RECIPES = ("", "decoder", "neck", "whole", "adapters")
DEVICES = ("", "cpu", "cuda", "mps")


@dataclass(frozen=True)
class ImprovementOptions(Options):
    """When a project's model is improved by itself: after so many new masks (0: never), for so many minutes."""

    group: ClassVar[str] = "improvement"

    after_masks: int = 0
    minutes: int = USUAL_MINUTES

    def problem(self) -> str:
        """Say what cannot be used, or nothing."""
        if self.after_masks and not FEWEST_NEW_MASKS <= self.after_masks <= MOST_NEW_MASKS:
            words = _("the number of new masks is 0 for never, or from %(low)s to %(high)s")
            return words % {"low": FEWEST_NEW_MASKS, "high": f"{MOST_NEW_MASKS:,}"}
        return minutes_problem(self.minutes)


def minutes_problem(minutes: int) -> str:
    """Say why a run cannot take that long, or nothing."""
    low, high = MINUTES
    if low <= minutes <= high:
        return ""
    return _("a run takes from %(low)s to %(high)s minutes") % {"low": low, "high": f"{high:,}"}


def improvement_options(project: Project) -> ImprovementOptions:
    """Return the setting in force."""
    return read_options(ImprovementOptions, project.settings.get(ImprovementOptions.group))
