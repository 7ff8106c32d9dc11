"""Which label of the project a category of the file becomes. Names are compared to the letter.

Names that differ only by letter case or width stay two labels; the preview says which are alike, so that whoever
imports may choose one label for both.
"""

from dataclasses import dataclass
from typing import Literal, TypeGuard

from annotator.accounts.models import User
from annotator.exchange.base.reading import FileCategory
from annotator.exchange.numbers import adopt_label
from annotator.exchange.options import ImportOptions
from annotator.photos.naming import fold
from annotator.projects.commands import LabelQuestion, NewLabel
from annotator.projects.models import Label, Project
from annotator.projects.schemas import LabelAttribute
from annotator.projects.services import create_label

SKIP = -1
_COLOR_LENGTH = 7


@dataclass(frozen=True, slots=True)
class Proposal:
    """What becomes of a category: the label of `label_id`, a new one, no label, or its masks are skipped."""

    becomes: Literal["label", "new", "none", "skip"]
    label_id: int | None = None


class LabelMatcher:
    """Says which label a category becomes: a label's id, None for no label, or SKIP; makes new ones when told to."""

    def __init__(self, project: Project, options: ImportOptions, *, by: User | None = None) -> None:
        self._project, self._options, self._by = project, options, by
        self._labels = {label.name: label for label in Label.objects.filter(project=project)}
        self._by_id = {label.pk: label for label in self._labels.values()}
        self._alike: dict[str, list[str]] = {}
        for name in self._labels:
            self._alike.setdefault(fold(name), []).append(name)
        self.default = options.default_label if options.default_label in self._by_id else None

    def propose(self, category: FileCategory) -> tuple[Proposal, list[str]]:
        """Return what becomes of a category, for the preview, and the names that are alike.

        Alike are names of the project and of the file so far that differ from this one by letter case or width only.
        """
        names = self._alike.setdefault(fold(category.name), [])
        alike = [name for name in names if name != category.name]
        if category.name not in names:
            names.append(category.name)
        return self._becomes(category), alike

    def decide(self, category: FileCategory) -> tuple[int | None, bool]:
        """Return the label's id, None or SKIP, and whether the label carries the file's numbers.

        Makes the label where it is new.
        """
        proposal = self._becomes(category)
        if proposal.becomes == "skip":
            return SKIP, True
        if proposal.becomes == "none":
            return None, True
        label = self._by_id.get(proposal.label_id or 0) or self._labels.get(category.name)
        if label is None:
            label = create_label(self._project, self._new_label(category), by=self._by)
            self._labels[category.name] = self._by_id[label.pk] = label
        keeps = adopt_label(
            label,
            number=category.number,
            class_number=category.class_number,
            supercategory=category.supercategory,
        )
        return int(label.pk), keeps

    def _becomes(self, category: FileCategory) -> Proposal:
        wish = self._options.label_map.get(category.name)
        if wish == "skip" or wish == "none" or (wish is None and category.is_no_label):
            return Proposal("skip" if wish == "skip" else "none")
        if isinstance(wish, int) and wish in self._by_id:
            return Proposal("label", wish)
        label = None if wish == "new" else self._labels.get(category.name)
        return Proposal("label", label.pk) if label else Proposal("new")

    def _new_label(self, category: FileCategory) -> NewLabel:
        taken = {label.key for label in self._labels.values()}
        key = category.shortcut if category.shortcut in set("123456789") - taken else ""
        return NewLabel(
            name=category.name,
            color=category.color if _is_color(category.color) else None,
            key=key,
            attributes=[attribute for attribute in category.attributes if _is_attribute(attribute)],
        )


def _is_color(text: str) -> bool:
    return len(text) == _COLOR_LENGTH and text[0] == "#" and all(c in "0123456789abcdefABCDEF" for c in text[1:])


def _is_attribute(value: object) -> TypeGuard[LabelQuestion]:
    try:
        LabelAttribute.model_validate(value)
    except ValueError:
        return False
    return True
