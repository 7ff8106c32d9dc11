"""Filters that write figures as people read them. Knows nothing of what they count."""

from typing import Any

from django import template

register = template.Library()
JOB_WORDS = {
    "prefill": "Pre-fill",
    "automatic": "Automatic run",
    "embed": "Embedding again",
    "figures": "Counting masks",
    "ingest_zip": "Unpacking a zip",
    "ingest_folder": "Reading a folder",
}
LATENCY_WORDS = {
    "click_to_paint": "Click to painted mask",
    "decode_click": "Model alone, a click",
    "decode_hover": "Model alone, a preview",
}


@register.filter
def grouped(value: Any) -> str:
    """Return a whole number with its thousands apart, anything else as it is."""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


@register.filter
def job_word(kind: str) -> str:
    """Return what people call a kind of job."""
    return JOB_WORDS.get(kind, kind.replace("_", " ").capitalize())


@register.filter
def latency_word(kind: str) -> str:
    """Return what people call a measured time."""
    return LATENCY_WORDS.get(kind, kind.replace("_", " ").capitalize())
