"""How well a name in a file fits the path of a photo: whole path, common tail, and letter case or Unicode form last.

Must not know: rows of the database, archives.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from annotator.photos.naming import fold, last_part, name_key, path_in_file, photo_path, stem_of, unquoted_path

Found = TypeVar("Found")
WHOLE, TAIL, PART, FOLDED, FOLDED_PART, LAST_PART = range(6)


class Rank(NamedTuple):
    """How well a name fits; the smallest fits best.

    level: WHOLE (the paths are one), TAIL (one ends with the other whole), PART (at least a folder and the name agree),
    FOLDED and FOLDED_PART (the same, but for letter case and Unicode form), LAST_PART (the folders disagree: it may
    be another photo). has_other_ending: the name has no ending, so that any fits. missing: parts not in common.
    """

    level: int
    has_other_ending: bool
    missing: int


class WantedName:
    """A photo as a file names it: the paths that it may mean, most likely first."""

    def __init__(self, file_name: str, *, folder: str = "", is_stem: bool = False) -> None:
        plain = path_in_file(file_name)
        within = [photo_path(f"{folder}/{plain}")] if folder else []
        self.paths = list(dict.fromkeys([*within, plain, unquoted_path(plain)]))
        self.is_stem = is_stem

    @property
    def keys(self) -> set[str]:
        """Return the keys under which photos of like names are found."""
        names = {fold(last_part(path)) for path in self.paths} if self.is_stem else set()
        return {name_key(path) for path in self.paths} | names

    def rank(self, path: str) -> Rank | None:
        """Return how well a photo's path fits; None where it is another photo."""
        ranks = [rank for wanted in self.paths if (rank := _rank(wanted, path, is_stem=self.is_stem))]
        return min(ranks, default=None)

    def best(self, candidates: Iterable[tuple[str, Found]], *, worst: int) -> tuple[Rank | None, list[Found]]:
        """Return the best rank up to `worst`, and all candidates, given as (path, what it is), that have it."""
        ranked = [(rank, found) for path, found in candidates if (rank := self.rank(path)) and rank.level <= worst]
        best = min((rank for rank, _ in ranked), default=None)
        return best, [found for rank, found in ranked if rank == best]


def _rank(wanted: str, path: str, *, is_stem: bool) -> Rank | None:
    left, right = wanted.split("/"), path.split("/")
    other_ending = False
    if fold(left[-1]) != fold(right[-1]):
        bare = stem_of(right[-1])
        if not (is_stem or stem_of(left[-1]) == left[-1]) or fold(left[-1]) != fold(bare):
            return None
        right = [*right[:-1], bare]
        other_ending = True
    shortest, longest = sorted((len(left), len(right)))
    exact, folded = _common(left, right), _common([fold(p) for p in left], [fold(p) for p in right])
    if exact == longest:
        return Rank(WHOLE, other_ending, 0)
    if exact == shortest:
        return Rank(TAIL, other_ending, longest - exact)
    if exact > 1 and exact == folded:
        return Rank(PART, other_ending, longest - exact)
    if folded == shortest:
        return Rank(FOLDED, other_ending, longest - folded)
    return Rank(FOLDED_PART if folded > 1 else LAST_PART, other_ending, longest - folded)


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    count = 0
    for one, other in zip(reversed(left), reversed(right), strict=False):
        if one != other:
            break
        count += 1
    return count
