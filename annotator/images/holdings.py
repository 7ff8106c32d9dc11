"""What images hold, for whoever is about to delete them.

Masks, comments and leases are rooms above this one: they are reached through the images that they belong to.
"""

from typing import TypedDict

from django.db.models import Count, Q, Sum

from annotator.images.models import Image

ACCEPTED = Q(annotations__deleted_at=None, annotations__state="accepted")


class Holdings(TypedDict):
    """What goes with images: accepted masks, comments, and the people in whose hands some of them are now."""

    images: int
    bytes: int
    masks: int
    comments: int
    held_by: list[str]


def count_holdings(image_ids: list[int]) -> Holdings:
    """Return what these images hold; `held_by` are the names of people, each once."""
    images = Image.objects.filter(pk__in=image_ids).order_by()
    sizes = images.aggregate(n=Count("pk"), bytes=Sum("byte_size"))
    return {
        "images": sizes["n"],
        "bytes": sizes["bytes"] or 0,
        "masks": images.aggregate(n=Count("annotations", filter=ACCEPTED))["n"],
        "comments": images.aggregate(n=Count("comments"))["n"],
        "held_by": _holders(image_ids),
    }


def _holders(image_ids: list[int]) -> list[str]:
    taken = Image.objects.filter(pk__in=image_ids, leases__isnull=False, leases__released_at=None)
    living = [lease for image in taken for lease in image.leases.living().select_related("user")]
    return sorted({lease.user.display_name for lease in living})
