"""Filters of the import, export and token pages: figures and the words for codes."""

from typing import Any

from django import template

register = template.Library()

FORMAT_WORDS = {
    "coco": "COCO",
    "sa1b": "SA-1B",
    "yolo": "YOLO",
    "semantic_png": "Semantic PNG",
    "instance_png": "Instance PNG",
    "auto": "Detected",
}
SCOPE_WORDS = {"read": "Read", "export": "Read and export", "write": "All that you may"}


@register.filter
def commas(value: Any) -> str:
    """Return a whole number with its thousands apart; 0 for nothing."""
    return f"{int(value or 0):,}"


@register.filter
def format_word(name: str) -> str:
    """Return a format's name as people write it."""
    return FORMAT_WORDS.get(name, name)


@register.filter
def scope_word(scope: str) -> str:
    """Return what a token of this scope may do."""
    return SCOPE_WORDS.get(scope, scope)


@register.filter
def plain_words(code: str) -> str:
    """Return a code such as photos_missing as words."""
    return code.replace("_", " ").capitalize()


@register.filter
def exact_percent(ratio: float) -> str:
    """Return a share in percent with as many digits as it takes not to call a loss nothing."""
    return f"{100 * ratio:.3f}".rstrip("0").rstrip(".") + " %"
