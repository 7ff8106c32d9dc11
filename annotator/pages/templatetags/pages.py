"""Tags and filters of the pages: the built front end, sizes, words for states."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django import template
from django.conf import settings
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

register = template.Library()
ENTRY = "src/main.ts"
STATE_WORDS = {
    "ready": "Ready",
    "failed": "Failed",
    "running": "Embedding",
    "pending": "Waiting",
    "new": "To do",
    "in_progress": "In progress",
    "submitted": "Submitted",
    "reviewed": "Reviewed",
    "semi_automatic": "Semi-automatic",
}


class FrontendMissingError(RuntimeError):
    """static/dist/ has no build."""


@register.simple_tag
def workspace_assets() -> SafeString:
    """Return script and stylesheet tags of the built workspace, imported chunks preloaded."""
    manifest = read_vite_manifest(Path(settings.BASE_DIR) / "static" / "dist" / ".vite" / "manifest.json")
    chunks = _with_imports(manifest, ENTRY)
    styles = [css for name in chunks for css in manifest[name].get("css", [])]
    return format_html(
        '{}{}<script type="module" src="{}"></script>',
        format_html_join("", '<link rel="stylesheet" href="{}">', ((static(f"dist/{name}"),) for name in styles)),
        format_html_join(
            "",
            '<link rel="modulepreload" href="{}">',
            ((static(f"dist/{manifest[name]['file']}"),) for name in chunks if name != ENTRY),
        ),
        static(f"dist/{manifest[ENTRY]['file']}"),
    )


def read_vite_manifest(file: Path) -> dict[str, Any]:
    """Return Vite's manifest; raise FrontendMissingError with what to do when there is none."""
    try:
        manifest: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FrontendMissingError("The front end is not built: run `make setup`.") from error
    return manifest


def _with_imports(manifest: dict[str, Any], entry: str) -> list[str]:
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
    return STATE_WORDS.get(state, state.replace("_", " ").capitalize())


@register.filter
def ago(moment: datetime) -> str:
    """Return how long ago something was, in its largest unit."""
    if timezone.now() - moment < timedelta(minutes=1):
        return "just now"
    return f"{timesince(moment, depth=1)} ago"


@register.filter
def percent_of(part: int, whole: int) -> int:
    """Return part of whole in whole percent."""
    return round(100 * part / whole) if whole else 0


@register.filter
def initials(name: str) -> str:
    """Return one or two letters for an avatar."""
    words = [word for word in name.replace(".", " ").replace("_", " ").split() if word]
    return "".join(word[0] for word in words[:2]).upper() or "?"
