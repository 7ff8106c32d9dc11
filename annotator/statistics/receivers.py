"""What this room does when others change: masks that were written many at once are counted at once."""

from typing import Any

from django.dispatch import receiver

from annotator.annotations.signals import masks_written
from annotator.statistics.figures import refresh_images


@receiver(masks_written)
def count_masks(sender: Any, *, image_ids: list[int], **kwargs: Any) -> None:
    """Count these images again, so that the queue's order by scores and numbers of masks holds for the next one."""
    refresh_images(image_ids)
