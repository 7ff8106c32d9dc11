"""Filters of the import, export and token pages: figures and the words for codes."""

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from annotator.exchange.registry import SPECS

register = template.Library()

FORMAT_WORDS = {"auto": gettext_noop("Detected"), **{spec.name: spec.title for spec in SPECS.values()}}
CODE_WORDS = {
    "area_or_box_measured_anew": gettext_lazy("Area or box measured anew"),
    "bad_annotation": gettext_lazy("Bad annotation"),
    "bad_category": gettext_lazy("Bad category"),
    "bad_counts": gettext_lazy("Bad counts"),
    "bad_image": gettext_lazy("Bad image"),
    "bad_polygon": gettext_lazy("Bad polygon"),
    "broken_json": gettext_lazy("Broken JSON"),
    "double_id": gettext_lazy("Double id"),
    "empty_mask": gettext_lazy("Empty mask"),
    "entry_left_out": gettext_lazy("Entry left out"),
    "image_not_taken": gettext_lazy("Image not taken"),
    "image_refused": gettext_lazy("Image refused"),
    "image_unknown": gettext_lazy("Image unknown"),
    "no_mask": gettext_lazy("No mask"),
    "no_such_category": gettext_lazy("No such category"),
    "no_such_image": gettext_lazy("No such image"),
    "off_the_photo": gettext_lazy("Off the photo"),
    "only_a_box": gettext_lazy("Only a box"),
    "photos_made_jpeg": gettext_lazy("HEIC photos written as JPEG"),
    "photos_missing": gettext_lazy("Photos missing"),
    "photos_turned_upright": gettext_lazy("Photos turned upright"),
    "photos_unreadable": gettext_lazy("Photos unreadable"),
    "pictures_verified": gettext_lazy("Pictures verified"),
    "wrong_size": gettext_lazy("Wrong size"),
}
HOLDING_WORDS = {
    "boxes": gettext_lazy("boxes"),
    "captions": gettext_lazy("captions"),
    "keypoints": gettext_lazy("keypoints"),
    "masks": gettext_lazy("masks"),
}
SCOPE_WORDS = {
    "read": gettext_lazy("Read"),
    "export": gettext_lazy("Read and export"),
    "write": gettext_lazy("All that you may"),
}


@register.filter
def holding_word(name: str) -> str:
    """Return what a part of a file holds as a word."""
    return str(HOLDING_WORDS.get(name, name))


@register.filter
def commas(value: str | float | None) -> str:
    """Return a whole number with its thousands apart; 0 for nothing."""
    return f"{int(value or 0):,}"


@register.filter
def format_word(name: str) -> str:
    """Return a format's name as people write it."""
    return _(FORMAT_WORDS[name]) if name in FORMAT_WORDS else name


@register.filter
def scope_word(scope: str) -> str:
    """Return what a token of this scope may do."""
    return str(SCOPE_WORDS.get(scope, scope))


@register.filter
def plain_words(code: str) -> str:
    """Return a code such as photos_missing as words."""
    return str(CODE_WORDS.get(code, code.replace("_", " ").capitalize()))


@register.filter
def exact_percent(ratio: float) -> str:
    """Return a share in percent with as many digits as it takes not to call a loss nothing."""
    return f"{100 * ratio:.3f}".rstrip("0").rstrip(".") + " %"
