"""Tags of images: finding images by one, listing those in use, putting one on many images or taking it off.

Knows nothing of what tags are for: queue, automatic runs and exports choose images by them.
"""

import json

from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from annotator.errors import InvalidError
from annotator.images.models import Image
from annotator.projects.models import Project

MAX_TAG_LENGTH = 50
MAX_TAGS = 50
MAX_IMAGES_AT_ONCE = 1000


def has_tag(tag: str) -> Q:
    """Return the condition that an image has the tag; upper and lower case of ASCII letters are the same.

    PostgreSQL compares jsonb written out, with letters as they are; SQLite keeps the JSON as Django writes it, where
    every letter beyond ASCII is an escape.
    """
    written = json.dumps(tag, ensure_ascii=connection.vendor != "postgresql")
    return Q(tags__icontains=written)


def list_tags(project: Project) -> list[str]:
    """Return the tags that images of the project have, sorted."""
    rows = Image.objects.filter(project=project).exclude(tags=[]).order_by().values_list("tags", flat=True).distinct()
    return sorted({tag for tags in rows for tag in tags})


def change_tag(project: Project, image_ids: list[int], *, tag: str, is_added: bool) -> int:
    """Put a tag on images of the project, or take it off; return how many changed.

    Raises InvalidError for no tag, one that is too long, or more images than one step takes.
    """
    tag = " ".join(tag.split())
    if not tag or len(tag) > MAX_TAG_LENGTH:
        raise InvalidError(
            _("A tag has 1 to %(max_tag_length)s characters.") % {"max_tag_length": MAX_TAG_LENGTH}, code="bad_tag"
        )
    if not 1 <= len(image_ids) <= MAX_IMAGES_AT_ONCE:
        raise InvalidError(
            _("Choose 1 to %(max_images_at_once)s images.") % {"max_images_at_once": f"{MAX_IMAGES_AT_ONCE:,}"},
            code="bad_choice",
        )
    with transaction.atomic():
        rows = Image.objects.select_for_update(no_key=True).filter(project=project, pk__in=image_ids).order_by("pk")
        changed = [image for image in rows if _change(image, tag, is_added=is_added)]
        Image.objects.bulk_update(changed, ["tags"], batch_size=200)
    return len(changed)


def _change(image: Image, tag: str, *, is_added: bool) -> bool:
    if (tag in image.tags) == is_added or (is_added and len(image.tags) >= MAX_TAGS):
        return False
    image.tags = [*image.tags, tag] if is_added else [own for own in image.tags if own != tag]
    return True
