"""Which photos are held out: a fifth by the hash of their content, decided once for all versions of a project.

A photo is known by its content, so two images of one content are never on both sides. What somebody marked as
validation or test (`Image.split`) is held out. Rows decide, not memory: two freezes at once agree, because each photo
has one row and whoever comes second takes what it says.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from annotator.projects.models import Project
from annotator.training.models import SplitPhoto

HELD_OUT_SHARE = 0.2
OWN_SPLITS_HELD_OUT = ("val", "test")
AT_ONCE = 500
_BOUND = f"{round(HELD_OUT_SHARE * 16**8):08x}"  # the hex text below which that share of all hashes lies


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo's content, the split that somebody gave it ("" for none), and how many masks of it are chosen."""

    sha256: str
    split: str = ""
    masks: int = 0


@dataclass
class Counted:
    """Images and masks; of one content, where it is named."""

    sha256: str = ""
    images: int = 0
    masks: int = 0

    def add(self, photo: Photo) -> None:
        """Count an image."""
        self.images += 1
        self.masks += photo.masks


@dataclass
class Division:
    """How images and their masks divide."""

    trained: Counted
    held_out: Counted

    def move(self, part: Counted, *, is_held_out: bool) -> None:
        """Move some to the other side."""
        source, target = (self.trained, self.held_out) if is_held_out else (self.held_out, self.trained)
        source.images, source.masks = source.images - part.images, source.masks - part.masks
        target.images, target.masks = target.images + part.images, target.masks + part.masks


def belongs_apart(photo: Photo) -> bool:
    """Say whether a photo that no version has had yet is held out.

    >>> belongs_apart(Photo("00ff")), belongs_apart(Photo("ff00")), belongs_apart(Photo("ff00", split="test"))
    (True, False, True)
    """
    return photo.split in OWN_SPLITS_HELD_OUT or photo.sha256 < _BOUND


class Split:
    """The split of a project's photos: `forecast` says how some would divide, `decide` settles it.

    Of two photos or more one is held out and one is trained on, unless earlier versions or people decided otherwise:
    where the rule leaves a side empty, one new photo changes to it.
    """

    def __init__(self, project: Project) -> None:
        self._project = project

    def forecast(self, photos: Iterable[Photo]) -> Division:
        """Return how the photos would divide; nothing is decided by asking. They are gone through once."""
        sides = self._look_at(photos)
        division = Division(trained=sides.found[False], held_out=sides.found[True])
        moved = sides.moved()
        if moved is not None:
            division.move(moved, is_held_out=not division.held_out.images)
        return division

    def decide(self, photos: Callable[[], Iterable[Photo]]) -> None:
        """Settle on which side each photo is. `photos` yields the same ones each time it is called."""
        sides = self._look_at(photos())
        while (moved := sides.moved()) is not None:
            self._write([SplitPhoto(project=self._project, sha256=moved.sha256, is_held_out=sides.lacks_held_out)])
            sides = self._look_at(photos())  # another freeze may have been first
        for batch in _batches(photos()):
            self._write([self._row(photo) for photo in batch])

    def known(self, contents: Iterable[str]) -> dict[str, bool]:
        """Return {content: is held out} of those that are decided; ask for AT_ONCE at most."""
        rows = SplitPhoto.objects.filter(project=self._project, sha256__in=set(contents))
        return dict(rows.values_list("sha256", "is_held_out"))

    def _look_at(self, photos: Iterable[Photo]) -> "_Sides":
        sides = _Sides()
        for batch in _batches(photos):
            known = self.known(photo.sha256 for photo in batch)
            for photo in batch:
                is_held_out = known.get(photo.sha256, belongs_apart(photo))
                sides.note(photo, is_held_out=is_held_out, is_new=photo.sha256 not in known)
        return sides

    def _row(self, photo: Photo) -> SplitPhoto:
        return SplitPhoto(project=self._project, sha256=photo.sha256, is_held_out=belongs_apart(photo))

    def _write(self, rows: list[SplitPhoto]) -> None:
        SplitPhoto.objects.bulk_create(rows, ignore_conflicts=True)


class _Sides:
    """What is found on both sides, and of each the new photo of the lowest hash, which may change to the other."""

    def __init__(self) -> None:
        self.found = {True: Counted(), False: Counted()}
        self._lowest: dict[bool, Counted | None] = {True: None, False: None}
        self._contents: set[str] = set()

    def note(self, photo: Photo, *, is_held_out: bool, is_new: bool) -> None:
        """Take a photo into account."""
        self.found[is_held_out].add(photo)
        if len(self._contents) < 2:
            self._contents.add(photo.sha256)
        if not is_new or photo.split in OWN_SPLITS_HELD_OUT:
            return
        lowest = self._lowest[is_held_out]
        if lowest is None or photo.sha256 < lowest.sha256:
            lowest = self._lowest[is_held_out] = Counted(photo.sha256)
        if photo.sha256 == lowest.sha256:
            lowest.add(photo)

    @property
    def lacks_held_out(self) -> bool:
        """Say whether nothing is held out."""
        return not self.found[True].images

    def moved(self) -> Counted | None:
        """Return the content that changes its side so that both have one; None where none has to, or none may."""
        if self.found[True].images and self.found[False].images:
            return None
        if self.lacks_held_out and len(self._contents) < 2:
            return None  # a photo alone is trained on
        return self._lowest[not self.lacks_held_out]


def _batches(photos: Iterable[Photo]) -> Iterator[list[Photo]]:
    rest = iter(photos)
    while batch := list(islice(rest, AT_ONCE)):
        yield batch
