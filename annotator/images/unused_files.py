"""Remove the files of pictures that no image shows any more, embeddings included.

Images that come and go at the same time are told apart by annotator/contents: files are taken out of reach only while
their content is held and neither an image nor a claim is there. Called again, it goes on where a killed process ended.
"""

from pathlib import Path

from annotator.contents import services as contents
from annotator.images.models import Image
from annotator.inference.models import ImageEmbedding
from annotator.photos import store


def remove_unused_files(picture: str) -> None:
    """Remove what was made of a picture that no row shows any more, and the photo's file if none uses it.

    While somebody works with the content nothing goes; the worker looks again later.
    """
    sha256 = contents.content_of(picture)
    with contents.hold_content(sha256) as content:
        if contents.is_claimed(content):
            contents.release_picture(picture)
            return
        contents.drop_dead_claims(content)
        aside = _set_aside(picture, sha256)
        contents.forget_release(picture)
        if not Image.objects.filter(sha256=sha256).exists():
            content.delete()
    store.remove_for_good(aside)
    store.remove_folder(picture)
    store.remove_folder(sha256)


def remove_left_behind() -> int:
    """Look at the files of pictures that a killed process left behind; return how many. Safe to call at any time."""
    pictures = contents.pictures_left_behind()
    for picture in pictures:
        remove_unused_files(picture)
    return len(pictures)


def delete_made_files(picture: str) -> None:
    """Remove previews, tiles and embeddings of a picture; they are made again when they are asked for."""
    for embedding in ImageEmbedding.objects.filter(sha256=picture):
        if embedding.file:
            embedding.file.delete(save=False)
        embedding.delete()
    store.delete_made(picture)


def _set_aside(picture: str, sha256: str) -> list[Path]:
    names: list[str] = []
    if not Image.objects.filter(picture=picture).exists():
        embeddings = ImageEmbedding.objects.filter(sha256=picture)
        names += [*embeddings.exclude(file="").values_list("file", flat=True), *store.made_names(picture)]
        embeddings.delete()
    if not Image.objects.filter(sha256=sha256).exists():
        names.append(store.name_of(sha256, store.ORIGINAL))
    return store.set_aside(names)
