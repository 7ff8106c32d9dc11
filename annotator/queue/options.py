"""The settings of a project that the queue reads, with their defaults."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from django.utils.translation import gettext as _

from annotator.projects.models import Project
from annotator.projects.options import Options, read_options


class Order(StrEnum):
    """In which order images are handed out."""

    OLDEST = "oldest"
    RANDOM = "random"
    UNCERTAIN = "uncertain"
    FEWEST_MASKS = "fewest_masks"
    TAG = "tag"


@dataclass(frozen=True)
class QueueOptions(Options):
    """`tag`: with order "tag", images with this tag come first."""

    group: ClassVar[str] = "queue"
    order: str = Order.OLDEST
    tag: str = ""

    def problem(self) -> str:
        """Say what cannot be used, or nothing."""
        return "" if self.order in set(Order) else _("order must be one of %(names)s") % {"names": ", ".join(Order)}


@dataclass(frozen=True)
class ReviewOptions(Options):
    """`share`: of the submitted images that reviewers see, 0..1."""

    group: ClassVar[str] = "review"
    share: float = 1.0

    def problem(self) -> str:
        """Say what cannot be used, or nothing."""
        return "" if 0 <= self.share <= 1 else _("share must lie between 0 and 1")


def queue_options(project: Project) -> QueueOptions:
    """Return how images are handed out."""
    return read_options(QueueOptions, project.settings.get(QueueOptions.group))


def review_options(project: Project) -> ReviewOptions:
    """Return which submitted images are reviewed."""
    return read_options(ReviewOptions, project.settings.get(ReviewOptions.group))
