"""Controls that only a script answers are rendered disabled: before the script listens, nothing can be lost on them."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = ROOT / "annotator" / "pages" / "templates" / "pages"
SCRIPTS = ROOT / "static" / "js"
_INCLUDE = re.compile(r'{% include "pages/(_\w+\.html)"[^%]*%}')
_TAG = re.compile(r"{%.*?%}|{{.*?}}")
_SCRIPT = re.compile(r"js/([\w-]+)\.js")
VOID = {"input", "img", "br", "meta", "link", "hr", "path"}
# Answered by the classic script of the page's head, which runs before the page is there.
AT_ONCE = ("data-fault-reload", "data-fault-close")
# Shown by the script itself, once it listens.
SHOWN_BY_SCRIPT = ("data-choice-bar",)


class Controls(HTMLParser):
    """Collects the controls that only a script can answer, and whether they wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.waiting: list[str] = []
        self.dead: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Judge a control by itself and by what lies around it."""
        own = dict(attrs)
        if needs_script(tag, own):
            around = [own, *(attributes for _, attributes in self.open)]
            is_waiting = any("data-scripted" in one and "disabled" in one for one in around)
            is_shown = any(name in one for one in around for name in SHOWN_BY_SCRIPT)
            (self.waiting if is_waiting or is_shown else self.dead).append(f"{tag} {' '.join(own)}")
        if tag not in VOID:
            self.open.append((tag, own))

    def handle_endtag(self, tag: str) -> None:
        """Close the last element of that name."""
        for at in range(len(self.open) - 1, -1, -1):
            if self.open[at][0] == tag:
                del self.open[at]
                return


def needs_script(tag: str, own: dict[str, str | None]) -> bool:
    """Say whether the browser alone does nothing with a control, or the wrong thing."""
    if tag == "form":
        return "method" not in own
    if tag == "button":
        return own.get("type") == "button" and not any(name in own for name in AT_ONCE)
    return tag == "input" and own.get("type") == "file"


def read_page(name: str) -> str:
    """Return a template with its parts put in and its tags and values taken out."""
    text = _INCLUDE.sub(lambda found: read_page(found[1]), (TEMPLATES / name).read_text("utf-8"))
    return _TAG.sub("", text)


PAGES = sorted(file.name for file in TEMPLATES.glob("[!_]*.html"))


@pytest.mark.parametrize("name", PAGES)
def test_controls_of_a_script_wait_for_it(name: str) -> None:
    controls = Controls()
    controls.feed(read_page(name))
    assert controls.dead == []
    scripts = [script for script in _SCRIPT.findall((TEMPLATES / name).read_text("utf-8")) if script != "faults"]
    if controls.waiting:
        assert [one for one in scripts if "enableScripted();" in (SCRIPTS / f"{one}.js").read_text("utf-8")]
        assert "<noscript>" in read_page(name) or name == "project_new.html", "rows of labels can be sent without it"


def test_the_rule_sees_dead_controls() -> None:
    controls = Controls()
    controls.feed(
        '<form><button type="button">x</button></form><fieldset data-scripted disabled><form></form></fieldset>'
    )
    assert len(controls.dead) == 2
    assert controls.waiting == ["form "]
