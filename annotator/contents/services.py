"""Claim, hold and release photo contents. Knows rows of contents only, neither images nor files.

Whoever brings a file claims its content first, in a transaction of its own, and looks at the storage afterwards.
Whoever removes files holds the content, sees neither claim nor image, and moves the files out of reach before letting
go. So nobody finds a file that is about to go. No file is written while a content is held.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import transaction

from annotator.clock import is_old, is_recent
from annotator.contents.models import Content, ContentClaim, ReleasedPicture
from annotator.photos.picture_names import split_picture

# A claim outlives a killed process; nobody takes longer than this for one photo.
CLAIM_HOLDS = timedelta(days=1)
# Whoever releases a picture removes its files at once; who was killed before that is followed by the worker.
REMOVED_WITHIN = timedelta(seconds=60)
AT_ONCE = 200


@contextmanager
def hold_content(sha256: str) -> Iterator[Content]:
    """Hold a content in a transaction: everybody else who wants to claim or hold it waits. Keep it short."""
    with transaction.atomic():
        yield _lock(sha256)


@contextmanager
def claim_picture(picture: str) -> Iterator[None]:
    """Keep the files of a picture's content from being removed while the block runs, whatever images come and go."""
    with hold_content(content_of(picture)) as content:
        claim = ContentClaim.objects.create(content=content, picture=picture)
    try:
        yield
    finally:
        claim.delete()


def release_picture(picture: str) -> None:
    """Note, in the transaction that takes a row's picture away, that its files are to be looked at."""
    ReleasedPicture.objects.get_or_create(picture=picture)


def is_claimed(content: Content) -> bool:
    """Say whether somebody works with the files of a held content; claims of killed processes end after a day."""
    return ContentClaim.objects.filter(is_recent("created_at", CLAIM_HOLDS), content=content).exists()


def forget_release(picture: str) -> None:
    """Note that a picture's files have been looked at."""
    ReleasedPicture.objects.filter(picture=picture).delete()


def pictures_left_behind() -> list[str]:
    """Return pictures whose files nobody looked at after a release or a claim, because a process was killed."""
    released = ReleasedPicture.objects.filter(is_old("created_at", REMOVED_WITHIN)).order_by("created_at")
    dead = ContentClaim.objects.filter(is_old("created_at", CLAIM_HOLDS)).order_by("created_at")
    return [
        *released.values_list("picture", flat=True)[:AT_ONCE],
        *dead.values_list("picture", flat=True)[:AT_ONCE],
    ]


def drop_dead_claims(content: Content) -> None:
    """Remove the claims of killed processes from a held content."""
    ContentClaim.objects.filter(is_old("created_at", CLAIM_HOLDS), content=content).delete()


def content_of(picture: str) -> str:
    """Return the SHA-256 of the file that a picture is made of."""
    return split_picture(picture)[0]


def _lock(sha256: str) -> Content:
    while True:
        Content.objects.get_or_create(sha256=sha256)
        # None: whoever held it removed the content, and the next round makes it anew.
        row = Content.objects.select_for_update(no_key=True).filter(pk=sha256).first()
        if row is not None:
            return row
