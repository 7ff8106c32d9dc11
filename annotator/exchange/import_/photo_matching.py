"""Which photo of the project an image of the file is: by its path, by the longest common tail, by its content.

Letter case and Unicode form count last. Where the content is known, of a photo that came along or from the file, it
must agree: masks never land on another photo because its name is like. What could be two photos is refused by name.
Matching only looks; `add_photos` then takes in what the file brings.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from annotator.exchange.base.reading import FileImage
from annotator.exchange.files.source import BrokenFileError, Entry, Source
from annotator.exchange.import_.ledger import KnownImage
from annotator.exchange.import_.name_ranks import FOLDED_PART, LAST_PART, Rank, WantedName
from annotator.exchange.options import ImportOptions
from annotator.images.models import Image
from annotator.images.services import hash_photo
from annotator.photos.encoding import name_written_anew
from annotator.photos.errors import PhotoRefusedError
from annotator.projects.models import Project

PHOTO_FOLDER = "images"
BY_CONTENT = Rank(FOLDED_PART, False, 0)
MANY = 3  # names in a sentence


@dataclass(frozen=True, slots=True)
class Match:
    """What an image of the file is, and what happens to it: matched, added, unknown or refused."""

    image: KnownImage
    what: str


class PhotoMatcher:
    """Finds the photos of one project."""

    def __init__(self, project: Project, source: Source, options: ImportOptions) -> None:
        self._project, self._source, self._options = project, source, options
        self._worst = LAST_PART if options.loose_names else FOLDED_PART

    def match(self, images: Sequence[FileImage]) -> list[Match]:
        """Return a Match for each image, in order."""
        wanted = [_wanted(image) for image in images]
        entries = [self._find_entry(image, name) for image, name in zip(images, wanted, strict=True)]
        rows = self._rows(images, wanted, entries)
        by_key: dict[str, list[Image]] = {}
        by_hash: dict[str, list[Image]] = {}
        by_size: dict[int, list[Image]] = {}
        for row in rows:
            by_key.setdefault(row.name_key, []).append(row)
            by_hash.setdefault(row.sha256, []).append(row)
            by_size.setdefault(row.byte_size, []).append(row)
        found = []
        for image, name, entry in zip(images, wanted, entries, strict=True):
            candidates = {row.pk: row for key in name.keys for row in by_key.get(key, [])}
            candidates |= {row.pk: row for row in by_hash.get(image.sha256, [])}
            twins = by_size.get(entry.size, []) if isinstance(entry, Entry) else []
            found.append(self._match_one(image, name, entry, list(candidates.values()), twins))
        return found

    def _rows(
        self, images: Sequence[FileImage], wanted: Sequence[WantedName], entries: Sequence[Entry | str | None]
    ) -> list[Image]:
        """Return all photos that may be one of the images; those called so to the letter spare looking further."""
        rows = Image.objects.filter(project=self._project)
        exact = {row.name: row for row in rows.filter(name__in={path for name in wanted for path in name.paths})}
        keys: set[str] = set()
        hashes: set[str] = set()
        sizes: set[int] = set()
        for image, name, entry in zip(images, wanted, entries, strict=True):
            row = exact.get(name.paths[0])
            is_other = row is not None and (
                (image.sha256 and image.sha256 != row.sha256)
                or (isinstance(entry, Entry) and entry.size != row.byte_size)
            )
            if row is None or is_other:
                keys |= name.keys
                sizes |= {entry.size} if isinstance(entry, Entry) else set()
                hashes |= {image.sha256} - {""}
        found = {row.pk: row for row in exact.values()}
        found |= {row.pk: row for row in rows.filter(name_key__in=keys)} if keys else {}
        found |= {row.pk: row for row in rows.filter(sha256__in=hashes)} if hashes else {}
        found |= {row.pk: row for row in rows.filter(byte_size__in=sizes)} if sizes else {}
        return list(found.values())

    def _find_entry(self, image: FileImage, wanted: WantedName) -> Entry | str | None:
        """Return the photo that the file brings for the image, None for none, or why it cannot be told."""
        if image.photo or not image.is_searched:
            return self._source.find(image.photo)
        entries = self._source.photos_like(wanted.keys)
        _rank, best = wanted.best(((entry.path, entry) for entry in entries), worst=LAST_PART)
        if len(best) > 1:  # thumbnails and pictures of masks often have the photos' names
            best = [entry for entry in best if PHOTO_FOLDER in entry.path.split("/")[:-1]] or best
        if len(best) > 1:
            words = {"names": _listed(entry.name for entry in best), "name": image.file_name}
            return _("%(names)s in the archive could all be %(name)s") % words
        return best[0] if best else None

    def _match_one(
        self, image: FileImage, wanted: WantedName, entry: Entry | str | None, rows: list[Image], twins: list[Image]
    ) -> Match:
        entry_problem = entry if isinstance(entry, str) else ""
        brought = entry if isinstance(entry, Entry) else None
        hashes = {image.sha256} - {""}
        if brought is not None and twins:
            hashes |= self._hash_of(brought)
        same = {row.pk: row for row in [*rows, *twins] if row.sha256 in hashes}
        if same:
            found = self._choose_same(image, wanted, list(same.values()), brought)
            if found is not None:
                return found
        if brought is not None and self._options.add_images:
            return Match(_brought(image, brought), "added")
        if entry_problem:
            return _refused(image, entry_problem)
        is_known = bool(image.sha256) and not self._options.loose_names
        found = self._choose(image, wanted, rows, worst=self._worst)
        if found is not None and found.what == "matched" and is_known:
            reason = _(
                "the photo called %(name)s here has another content than the file's; names alone are taken when that "
                "is asked for"
            )
            return _refused(image, reason % {"name": image.file_name})
        return found or self._unknown(image, wanted, rows)

    def _choose_same(
        self, image: FileImage, wanted: WantedName, rows: list[Image], brought: Entry | None
    ) -> Match | None:
        """Return the match among photos of the image's own content; None where its photo is one of its own.

        One of another name is it too, but of a photo that came along this is said, and undone where another image of
        the file fits better.
        """
        found = self._choose(image, wanted, rows, worst=FOLDED_PART)
        if found is not None:
            return None if found.what == "unknown" and brought is not None else found
        if len(rows) > 1 and brought is None:
            found = self._choose(image, wanted, rows, worst=LAST_PART)
            words = {"names": _listed(row.name for row in rows)}
            return found or _refused(image, _("%(names)s all have its content") % words, "unknown")
        if len(rows) > 1:
            return None
        match = _checked(image, rows[0], BY_CONTENT)
        return match if brought is None else replace(match, image=replace(match.image, entry=brought.name))

    def _choose(self, image: FileImage, wanted: WantedName, rows: list[Image], *, worst: int) -> Match | None:
        """Return the match with the photo whose name, or name in an export, fits best; None where none fits."""
        rank, best = wanted.best(((row.name, row) for row in rows), worst=worst)
        if not best:
            turned = ((name_written_anew(row.name, row.format), row) for row in rows if row.exif_orientation != 1)
            rank, best = wanted.best(turned, worst=worst)
        if not best or rank is None:
            return None
        if len(best) > 1:
            words = {"names": _listed(row.name for row in best), "name": image.file_name}
            return _refused(image, _("%(names)s could all be %(name)s") % words, "unknown")
        return _checked(image, best[0], rank)

    def _unknown(self, image: FileImage, wanted: WantedName, rows: list[Image]) -> Match:
        _rank, near = wanted.best(((row.name, row) for row in rows), worst=LAST_PART)
        if near:
            reason = _(
                "%(names)s has the last name of %(name)s but lies in another folder; last names alone are taken when "
                "that is asked for"
            )
            reason %= {"names": _listed(row.name for row in near), "name": image.file_name}
            return _refused(image, reason, "unknown")
        return _refused(image, _("no photo is %(name)s") % {"name": image.file_name}, "unknown")

    def _hash_of(self, entry: Entry) -> set[str]:
        try:
            with self._source.open(entry) as file:
                return {hash_photo(file)[0]}
        except (BrokenFileError, PhotoRefusedError):
            return set()  # named when it is added


def _wanted(image: FileImage) -> WantedName:
    return WantedName(image.file_name, folder=image.folder, is_stem=image.is_stem)


def _checked(image: FileImage, row: Image, rank: Rank) -> Match:
    if (image.width or row.width) == row.width and (image.height or row.height) == row.height:
        known = KnownImage(image.key, row.pk, row.height, row.width, claim=f"photo {row.pk}", rank=rank_number(rank))
        return Match(known, "matched")
    return _refused(image, size_words(row, image.width, image.height))


def size_words(row: Image, width: int | None, height: int | None) -> str:
    """Say that a photo has another size than the file says."""
    sizes = {"own": f"{row.width} x {row.height}", "said": f"{width} x {height}"}
    return str(_("%(name)s is %(own)s upright, the file says %(said)s") % {"name": row.name, **sizes})


def rank_number(rank: Rank) -> int:
    """Return a rank as one number, smaller for better."""
    return (rank.level * 2 + rank.has_other_ending) * 1000 + min(rank.missing, 999)


def _brought(image: FileImage, entry: Entry) -> KnownImage:
    size = (image.height or 0, image.width or 0)
    return KnownImage(image.key, None, *size, claim=f"entry {entry.name}", entry=entry.name)


def _refused(image: FileImage, reason: str, what: str = "refused") -> Match:
    return Match(KnownImage(image.key, None, 0, 0, problem=reason), what)


def _listed(names: Iterable[str]) -> str:
    rows = list(names)
    more = f" and {len(rows) - MANY} more" if len(rows) > MANY else ""
    return ", ".join(rows[:MANY]) + more
