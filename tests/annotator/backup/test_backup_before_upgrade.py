"""A start that finds migrations to come keeps the database as it was, and tells how to go back."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from annotator.launcher import commands
from annotator.launcher.options import Options
from annotator.launcher.problems import LaunchError
from tests.annotator.backup.places_of_product import MAKE, READ, Place, make_place
from tests.annotator.inference_steps import put_tiny_model

LAST = """
import json
from django.db.migrations.recorder import MigrationRecorder
rows = MigrationRecorder.Migration.objects.filter(app="exchange").order_by("id")
print(json.dumps([row.name for row in rows]))
"""


@pytest.fixture
def place(db: None, tmp_path: Path) -> Iterator[Place]:
    """A product with projects, without a demo, on the tests' kind of database (`db` says that it matters)."""
    with make_place(tmp_path / "place") as one:
        one.environment["DEMO"] = "0"
        put_tiny_model(one.data_dir / "models")
        one.migrate()
        one.run(MAKE)
        yield one


def prepare(place: Place, **environment: str) -> "subprocess.CompletedProcess[str]":
    return place.manage("prepare_start", "--without-demo", **environment)


def notes_of(done: "subprocess.CompletedProcess[str]") -> list[str]:
    assert done.returncode == 0, done.stderr
    notes: list[str] = json.loads(done.stdout.splitlines()[-1])["notes"]
    return notes


def test_an_upgrade_keeps_what_was_there_and_can_be_gone_back_from(place: Place) -> None:
    assert notes_of(prepare(place)) == []
    names = place.run(LAST)
    place.do("migrate", "-v0", "exchange", names[-2])
    before = place.run(READ)
    assert "To go back: " in (note := notes_of(prepare(place))[0])
    (backup,) = (place.data_dir / "backups").iterdir()
    assert str(backup) in note
    assert place.run(LAST)[-1] == names[-1]
    assert notes_of(prepare(place)) == []

    (place.data_dir / "exchange").mkdir()
    place.do("restore", backup, "--replace")  # here with the newer version, which migrates again
    after = place.run(READ)
    assert (after["masks"], after["originals"]) == (before["masks"], before["originals"])
    assert {path.name for path in place.data_dir.glob("before-restore-*/*")} >= {"exchange"}
    assert [path for path in backup.rglob("*") if path.stat().st_mode & 0o077] == []
    assert_only_the_newest_stay(place, names)


def assert_only_the_newest_stay(place: Place, names: list[str]) -> None:
    place.do("migrate", "-v0", "exchange", names[-2])
    before = set((place.data_dir / "backups").iterdir())
    assert notes_of(prepare(place, BACKUPS_BEFORE_UPGRADE="1")) != []
    (newest,) = (place.data_dir / "backups").iterdir()
    assert newest not in before


def test_without_a_backup_nothing_is_upgraded_unless_that_is_wanted(place: Place) -> None:
    assert prepare(place).returncode == 0
    names = place.run(LAST)
    place.do("migrate", "-v0", "exchange", names[-2])
    (place.data_dir / "backups").write_text("in the way")
    done = prepare(place)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("to upgrade it without a backup: BACKUPS_BEFORE_UPGRADE=0 make run")
    assert place.run(LAST)[-1] == names[-2]
    assert notes_of(prepare(place, BACKUPS_BEFORE_UPGRADE="0")) == []
    assert place.run(LAST)[-1] == names[-1]


@pytest.fixture
def options(tmp_path: Path) -> Options:
    """A data directory of the launcher's."""
    (tmp_path / "logs").mkdir()
    return Options(host="127.0.0.1", port=1, data_dir=tmp_path)


def test_the_launcher_passes_it_on(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in = tmp_path / "python"
    monkeypatch.setattr(commands, "PYTHON", stand_in)
    told = json.dumps({"sign_ins": [], "notes": ["A note."]})
    let_it_say(stand_in, f"echo '{told}'")
    assert commands.prepare_data(options) == []
    assert capsys.readouterr().out.splitlines()[-1] == "A note."
    let_it_say(stand_in, "echo 'Copying ...' >&2; echo 'CommandError: Too little disk: so.' >&2; exit 1")
    with pytest.raises(LaunchError, match=r"^Preparing the data failed. Too little disk: so.$"):
        commands.prepare_data(options)


def let_it_say(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
