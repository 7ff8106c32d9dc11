"""A TIFF of many pages: each page becomes an image of its own, named after its place in the file."""

from typing import IO
from zipfile import ZipFile, ZipInfo

from django.utils.translation import gettext as _

from annotator.accounts.models import User
from annotator.intake.answers import UploadEntry
from annotator.intake.services import refusal, take_photo
from annotator.intake.zips import extract_entry, looks_like_zip
from annotator.photos.decoding import copy_photo_page, list_photo_pages
from annotator.photos.errors import PhotoRefusedError
from annotator.projects.models import Project


def page_name(name: str, number: int) -> str:
    """Return the name of a page, counted from 1.

    >>> page_name("day1/cells.tif", 3)
    'day1/cells-page-0003.tif'
    """
    stem, dot, ending = name.rpartition(".")
    return f"{stem}-page-{number:04}.{ending}" if dot and "/" not in ending else f"{name}-page-{number:04}.tif"


def take_photos(
    project: Project, file: IO[bytes], *, name: str, user: User | None, longer_name: str = ""
) -> list[UploadEntry]:
    """Take a photo, or every page of a TIFF, and return an entry for each; never raises for a bad photo."""
    try:
        pages = list_photo_pages(file)
    except PhotoRefusedError as error:
        return [refusal(name, error)]
    if len(pages) < 2:
        return [take_photo(project, file, name=name, user=user, longer_name=longer_name)]
    return [
        take_page(project, file, place, number, name=name, user=user, longer_name=longer_name)
        for number, place in enumerate(pages, start=1)
    ]


def take_page(
    project: Project,
    file: IO[bytes],
    place: int,
    number: int,
    *,
    name: str,
    user: User | None,
    longer_name: str = "",
) -> UploadEntry:
    """Take the page that lies at `place` in the TIFF called `name`."""
    own, longer = page_name(name, number), page_name(longer_name, number) if longer_name else ""
    try:
        with copy_photo_page(file, place) as page:
            return take_photo(project, page, name=own, user=user, longer_name=longer)
    except PhotoRefusedError as error:
        return refusal(own, error)


def take_zip_entry(project: Project, archive: ZipFile, member: ZipInfo, *, user: User | None) -> list[UploadEntry]:
    """Take one file out of an open zip."""
    try:
        with extract_entry(archive, member) as file:
            if looks_like_zip(file):
                raise PhotoRefusedError("zip_in_zip", _("A zip inside a zip is not opened."))
            return take_photos(project, file, name=member.filename, user=user)
    except PhotoRefusedError as error:
        return [refusal(member.filename, error)]
