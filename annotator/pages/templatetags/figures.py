"""Filters that write figures as people read them. Knows nothing of what they count."""

from django import template
from django.utils.translation import gettext_lazy

register = template.Library()
JOB_WORDS = {
    "prefill": gettext_lazy("Pre-fill"),
    "automatic": gettext_lazy("Automatic run"),
    "embed": gettext_lazy("Embedding again"),
    "figures": gettext_lazy("Counting masks"),
    "brightness": gettext_lazy("Changing the brightness of photos"),
    "masks_from_boxes": gettext_lazy("Making masks of boxes"),
    "ingest_zip": gettext_lazy("Unpacking a zip"),
    "ingest_pages": gettext_lazy("Reading the pages of a TIFF"),
    "ingest_folder": gettext_lazy("Reading a folder"),
}
JOB_STATE_WORDS = {
    "pending": gettext_lazy("Waiting"),
    "running": gettext_lazy("Running"),
    "paused": gettext_lazy("Paused"),
    "done": gettext_lazy("Done"),
    "failed": gettext_lazy("Failed"),
    "cancelled": gettext_lazy("Cancelled"),
}
LATENCY_WORDS = {
    "click_to_paint": gettext_lazy("Click to painted mask"),
    "decode_click": gettext_lazy("Model alone, a click"),
    "decode_hover": gettext_lazy("Model alone, a preview"),
}


@register.filter
def grouped(value: object) -> str:
    """Return a whole number with its thousands apart, anything else as it is."""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


@register.filter
def job_word(kind: str) -> str:
    """Return what people call a kind of job."""
    return str(JOB_WORDS.get(kind, kind.replace("_", " ").capitalize()))


@register.filter
def job_state_word(status: str) -> str:
    """Return the word that people read for the state of a job."""
    return str(JOB_STATE_WORDS.get(status, status.capitalize()))


@register.filter
def latency_word(kind: str) -> str:
    """Return what people call a measured time."""
    return str(LATENCY_WORDS.get(kind, kind.replace("_", " ").capitalize()))
