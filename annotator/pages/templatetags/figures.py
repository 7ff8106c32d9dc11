"""Filters that write figures as people read them. Knows nothing of what they count."""

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

register = template.Library()
JOB_WORDS = {
    "prefill": gettext_lazy("Pre-fill"),
    "automatic": gettext_lazy("Automatic run"),
    "embed": gettext_lazy("Embedding again"),
    "dataset": gettext_lazy("Freezing masks"),
    "clear_embeddings": gettext_lazy("Clearing embeddings"),
    "improve": gettext_lazy("Improving the model"),
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


TRAINING_WORDS = {
    "none": gettext_lazy("as published"),
    "recipe": gettext_lazy("trained by a recipe"),
    "project": gettext_lazy("trained on a project's masks"),
}
FIGURE_WORDS = {
    "miou_1": gettext_lazy("first click"),
    "miou_2": gettext_lazy("two clicks"),
    "miou_3": gettext_lazy("three clicks"),
    "miou_4": gettext_lazy("four clicks"),
    "miou_5": gettext_lazy("five clicks"),
    "miou_box": gettext_lazy("box"),
}


VERDICT_WORDS = {
    "better": gettext_lazy("Better"),
    "same": gettext_lazy("No clear difference"),
    "worse": gettext_lazy("Worse"),
    "unknown": gettext_lazy("Cannot be told"),
}
VERDICT_SENTENCES = {
    "better": gettext_lazy("Its masks are better on images that it never learned from, by more than chance."),
    "same": gettext_lazy("The difference may be chance. More masks, or more time, may tell."),
    "worse": gettext_lazy("The new weights were left aside. Look at the masks below, or try it with more of them."),
    "unknown": gettext_lazy("Too few masks are held out to compare. Look at the pictures, or come again with more."),
}


@register.filter
def verdict_word(verdict: str) -> str:
    """Return the word for what a comparison says."""
    return str(VERDICT_WORDS.get(verdict, verdict))


@register.filter
def verdict_sentence(verdict: str) -> str:
    """Return what it means, and what to do."""
    return str(VERDICT_SENTENCES.get(verdict, ""))


@register.filter
def signed(value: float) -> str:
    """Return a difference with its sign.

    >>> signed(0.126), signed(-0.05)
    ('+0.13', '−0.05')
    """
    return f"{value:+.2f}".replace("-", "−")


@register.filter
def training_word(training: str) -> str:
    """Return how a model version's weights came to be."""
    return str(TRAINING_WORDS.get(training, training))


@register.filter
def figure_word(name: str) -> str:
    """Return what people call a published figure."""
    return str(FIGURE_WORDS.get(name, name))


@register.filter
def percent(share: float) -> str:
    """Return a share (0..1) in whole percent."""
    return f"{round(100 * share)} %"


@register.filter
def duration(seconds: float) -> str:
    """Return how long something takes, in its largest unit and rounded."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return _("less than a minute")
    if minutes < 60:
        return ngettext("about %(n)s minute", "about %(n)s minutes", minutes) % {"n": minutes}
    hours = round(seconds / 3600)
    return ngettext("about %(n)s hour", "about %(n)s hours", hours) % {"n": f"{hours:,}"}


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
