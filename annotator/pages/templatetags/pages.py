"""Tags and filters of the pages: the built front end, sizes, words for states."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypedDict

from django import template
from django.conf import settings
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from annotator.words.stored import say

register = template.Library()
register.filter("said", say)
ENTRY, PAGES_ENTRY = "src/main.ts", "src/pages.ts"
STATE_WORDS = {
    "ready": gettext_lazy("Ready"),
    "failed": gettext_lazy("Failed"),
    "running": gettext_lazy("Embedding"),
    "pending": gettext_lazy("Waiting"),
    "new": gettext_lazy("To do"),
    "begun": gettext_lazy("Begun"),
    "in_progress": gettext_lazy("In progress"),
    "submitted": gettext_lazy("Submitted"),
    "reviewed": gettext_lazy("Reviewed"),
    "waiting": gettext_lazy("Waiting for review"),
    "accepted": gettext_lazy("Accepted"),
    "mended": gettext_lazy("Accepted with changes"),
    "returned": gettext_lazy("Sent back"),
    "assisted_manual": gettext_lazy("Assisted manual"),
    "semi_automatic": gettext_lazy("Semi-automatic"),
    "fully_automatic": gettext_lazy("Fully automatic"),
}
ROLE_WORDS = {
    "admin": gettext_lazy("Admin"),
    "reviewer": gettext_lazy("Reviewer"),
    "annotator": gettext_lazy("Annotator"),
}


class Chunk(TypedDict, total=False):
    """A built file in Vite's manifest, with the chunks and the styles that it needs."""

    file: str
    imports: list[str]
    css: list[str]


Manifest = dict[str, Chunk]


class FrontendMissingError(RuntimeError):
    """static/dist/ has no build."""


@register.simple_tag
def workspace_assets() -> SafeString:
    """Return script and stylesheet tags of the built workspace, imported chunks preloaded."""
    return _tags_of(read_vite_manifest(_manifest_file()), ENTRY)


@register.simple_tag
def page_script() -> SafeString:
    """Return the script that sends what the workspace has left in the browser; nothing where nothing is built."""
    try:
        manifest = read_vite_manifest(_manifest_file())
    except FrontendMissingError:
        return SafeString("")
    return _tags_of(manifest, PAGES_ENTRY) if PAGES_ENTRY in manifest else SafeString("")


def _manifest_file() -> Path:
    return Path(settings.PRODUCT_DIR) / "static" / "dist" / ".vite" / "manifest.json"


def _tags_of(manifest: Manifest, entry: str) -> SafeString:
    chunks = _with_imports(manifest, entry)
    styles = [css for name in chunks for css in manifest[name].get("css", [])]
    return format_html(
        '{}{}<script type="module" src="{}"></script>',
        format_html_join("", '<link rel="stylesheet" href="{}">', ((static(f"dist/{name}"),) for name in styles)),
        format_html_join(
            "",
            '<link rel="modulepreload" href="{}">',
            ((static(f"dist/{manifest[name]['file']}"),) for name in chunks if name != entry),
        ),
        static(f"dist/{manifest[entry]['file']}"),
    )


def read_vite_manifest(file: Path) -> Manifest:
    """Return Vite's manifest; raise FrontendMissingError with what to do when there is none."""
    try:
        manifest: Manifest = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FrontendMissingError("The front end is not built: run `make setup`.") from error
    return manifest


def _with_imports(manifest: Manifest, entry: str) -> list[str]:
    found: list[str] = []
    waiting = [entry]
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found.append(name)
            waiting += manifest[name].get("imports", [])
    return found


@register.filter
def state_word(state: str) -> str:
    """Return the word that people read for a state."""
    return str(STATE_WORDS.get(state, state.replace("_", " ").capitalize()))


@register.filter
def role_word(role: str) -> str:
    """Return the word that people read for a role."""
    return str(ROLE_WORDS.get(role, role))


@register.filter
def mask_count(number: int | None) -> str:
    """Return a number of masks in words: "1 mask", "2,048 masks"."""
    count = number or 0
    return ngettext("%(n)s mask", "%(n)s masks", count) % {"n": f"{count:,}"}


@register.filter
def image_count(number: int | None) -> str:
    """Return a number of images in words: "1 image", "2,048 images"."""
    count = number or 0
    return ngettext("%(n)s image", "%(n)s images", count) % {"n": f"{count:,}"}


@register.filter
def ago(moment: datetime) -> str:
    """Return how long ago something was, in its largest unit."""
    if timezone.now() - moment < timedelta(minutes=1):
        return _("just now")
    return _("%(time)s ago") % {"time": timesince(moment, depth=1)}


@register.filter
def percent_of(part: int, whole: int) -> int:
    """Return part of whole in whole percent."""
    return round(100 * part / whole) if whole else 0


@register.filter
def initials(name: str) -> str:
    """Return one or two letters for an avatar."""
    words = [word for word in name.replace(".", " ").replace("_", " ").split() if word]
    return "".join(word[0] for word in words[:2]).upper() or "?"
