"""requirements.lock agrees with requirements.txt, and holds everything that those packages need here."""

import re
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from annotator.launcher.options import ROOT

ROW = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==([^\s;\\]+)", re.MULTILINE)
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def pinned(text: str) -> dict[str, str]:
    """Return the version of each package that a file names."""
    return {canonicalize_name(name): version for name, version in ROW.findall(text)}


def test_the_lock_has_every_pin_of_the_requirements() -> None:
    wanted, locked = pinned((ROOT / "requirements.txt").read_text(encoding="utf-8")), pinned(LOCK)
    assert wanted
    assert {name: locked.get(name) for name in wanted} == wanted


def test_every_locked_package_has_a_version_and_digests() -> None:
    entries = [entry for entry in re.split(r"\n(?=[A-Za-z])", LOCK) if not entry.startswith("#")]
    assert len(entries) == len(ROW.findall(LOCK))
    assert [entry.split()[0] for entry in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}", entry)] == []


def test_the_lock_holds_what_the_packages_need_on_this_machine() -> None:
    locked, seen = pinned(LOCK), set[str]()
    waiting = [Requirement(line) for line in rows_of((ROOT / "requirements.txt").read_text(encoding="utf-8"))]
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        assert one.specifier.contains(locked[name], prereleases=True), (str(one), locked[name])
        extras = one.extras if name in seen else {"", *one.extras}
        waiting += [need for extra in extras for need in needs_of(name, locked[name], extra)]
        seen.add(name)
    assert len(seen) > 60


def rows_of(text: str) -> list[str]:
    """Return the requirements of a file without comments."""
    rows = (line.split("#")[0].strip() for line in text.splitlines())
    return [row for row in rows if row]


def needs_of(name: str, locked: str, extra: str) -> list[Requirement]:
    """Return what an installed package needs; nothing of one that is not here, or here in another release."""
    try:
        if version(name) not in {locked, f"{locked}+cpu"}:
            return []
        needs = [Requirement(text) for text in requires(name) or []]
    except PackageNotFoundError:
        return []
    return [need for need in needs if need.marker is None or need.marker.evaluate({"extra": extra})]
