"""What stands in the way of a backup or a restore: one sentence, and nothing is touched."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from annotator.launcher.options import ROOT
from tests.annotator.backup.places_of_product import MAKE, READ, Place, make_place
from tests.annotator.small_disks import needs_mount, small_disk

pytestmark = pytest.mark.django_db(transaction=True)  # the kind of database, and nothing else of it


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A product with projects."""
    with make_place(tmp_path_factory.mktemp("product") / "data") as place:
        place.migrate()
        place.run(MAKE)
        yield place


@pytest.fixture(scope="module")
def whole(product: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of it."""
    folder = tmp_path_factory.mktemp("whole")
    product.do("backup", folder)
    (backup,) = folder.iterdir()
    return backup


@pytest.fixture
def backup(whole: Path, tmp_path: Path) -> Path:
    """A copy of the backup, to be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def state(place: Place) -> Any:
    """Return all that there is: rows, files, and what lies in DATA_DIR."""
    names = sorted(path.name for path in place.data_dir.iterdir() if path.suffix != ".lock")
    return place.run(READ), place.files(), names


@pytest.fixture
def untouched(product: Place) -> Iterator[None]:
    """Hold that the product is as it was."""
    before = state(product)
    yield
    assert state(product) == before


def change_manifest(backup: Path, change: Callable[[dict[str, Any]], None]) -> None:
    card = json.loads((backup / "manifest.json").read_text())
    change(card)
    (backup / "manifest.json").write_text(json.dumps(card))


def a_photo_in(backup: Path) -> Path:
    return next((backup / "files/media/photos").rglob("original"))


@pytest.mark.usefixtures("untouched")
def test_a_backup_that_is_not_whole_is_refused_before_anything_is_touched(
    product: Place, backup: Path, tmp_path: Path
) -> None:
    photo = a_photo_in(backup)
    data = photo.read_bytes()
    photo.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert (
        product.refuse("restore", backup, "--replace")
        == f"The backup is damaged: {photo} is not what was written there."
    )
    photo.write_bytes(data[:-1])
    assert "bytes and should have" in product.refuse("restore", backup, "--replace")
    photo.unlink()
    assert product.refuse("restore", backup, "--replace") == (
        f"The backup is damaged: {photo} cannot be read (No such file or directory)."
    )
    photo.write_bytes(data)
    dump = backup / json.loads((backup / "manifest.json").read_text())["database"]["file"]
    os.truncate(dump, dump.stat().st_size - 100)
    assert str(dump) in product.refuse("restore", backup, "--replace")
    (backup / "manifest.json").write_text("{")
    assert product.refuse("restore", backup, "--replace").endswith("cannot be read: this is no whole backup.")
    assert product.refuse("restore", tmp_path / "nowhere", "--replace").endswith("holds no whole backup.")


@pytest.mark.usefixtures("untouched")
def test_a_backup_that_does_not_fit_is_refused(product: Place, backup: Path) -> None:
    card = (backup / "manifest.json").read_text()
    other = {"sqlite": "postgresql", "postgresql": "sqlite"}[connection.vendor]
    change_manifest(backup, lambda card: card["database"].update(kind=other))
    assert f"The backup is of {other} and this database is {connection.vendor}" in product.refuse("restore", backup)
    (backup / "manifest.json").write_text(card)
    change_manifest(backup, lambda card: card["database"]["migrations"].append("projects.9999_of_the_future"))
    assert "made by a newer Maskwright" in product.refuse("restore", backup, "--replace")
    (backup / "manifest.json").write_text(card)
    change_manifest(backup, lambda card: card.update(format=2))
    assert "made by a newer Maskwright" in product.refuse("restore", backup, "--replace")


@pytest.mark.usefixtures("untouched")
def test_a_restore_that_fails_puts_everything_back(product: Place, backup: Path) -> None:
    change_manifest(backup, lambda card: card["database"]["tables"].update(projects_project=7))
    said = product.refuse("restore", backup, "--replace")
    assert said == "After restoring, projects_project has 1 rows and should have 7."


@pytest.mark.usefixtures("untouched")
def test_nothing_is_restored_while_the_product_runs(product: Place, backup: Path) -> None:
    with (product.data_dir / "launcher.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert product.refuse("restore", backup, "--replace").endswith("stop it first.")
    pulse = "from annotator.inference.models import WorkerPulse\nfrom django.utils import timezone\n"
    product.run(f"{pulse}WorkerPulse.objects.create(worker_id='w', beat_at=timezone.now())\nprint(1)")
    try:
        assert product.refuse("restore", backup, "--replace").startswith("A worker is running on this database")
    finally:
        product.run(f"{pulse}WorkerPulse.objects.all().delete()\nprint(1)")
    assert product.refuse("restore", backup) == (
        "The database holds 1 projects: add --replace to move them aside and restore in their place."
    )


KILLED = """
import os, signal
from pathlib import Path
{imports}
def say(line):
    if line.startswith({at!r}):
        os.kill(os.getpid(), signal.SIGKILL)
{call}
"""


def kill_at(place: Place, line: str, *, imports: str, call: str) -> None:
    """Run a step and kill it with SIGKILL when it says the line."""
    code = "import django; django.setup()\n" + KILLED.format(at=line, imports=imports, call=call)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=place.environment, check=False)
    assert done.returncode == -9


@pytest.mark.usefixtures("untouched")
def test_a_killed_backup_is_no_backup_and_goes_with_the_next(product: Place, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    kill_at(
        product, "Copying the database",
        imports="from annotator.backup.making import Wishes, make_backup",
        call=f"make_backup(Path({str(folder)!r}), Wishes(), say=say)",
    )  # fmt: skip
    (left,) = folder.iterdir()
    assert left.name.startswith(".part-")
    assert product.refuse("restore", folder, "--replace") == f"{folder} holds no whole backup."
    product.do("backup", folder)
    (made,) = folder.iterdir()
    assert not made.name.startswith(".")


@pytest.mark.usefixtures("untouched")
def test_a_killed_restore_leaves_what_was_there(product: Place, backup: Path) -> None:
    kill_at(
        product, "Restoring the database",
        imports="from annotator.backup.restoring import restore_backup",
        call=f"restore_backup(Path({str(backup)!r}), is_replacing=True, say=say)",
    )  # fmt: skip
    for left in product.data_dir.glob(".*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()  # the next restore would do that


def test_folders_that_are_no_place_for_backups(product: Place, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "to my aunt.txt").write_text("Dear aunt")
    said = product.refuse("backup", tmp_path / "letters")
    assert said.endswith("is not empty and no folder of backups (it holds to my aunt.txt): name another.")
    assert "lies in DATA_DIR" in product.refuse("backup", product.data_dir / "media" / "kept")
    (tmp_path / "file").write_text("")
    assert "cannot be made or opened" in product.refuse("backup", tmp_path / "file")
    assert [path.name for path in (tmp_path / "letters").iterdir()] == ["to my aunt.txt"]


@needs_mount
def test_a_full_disk_is_called_so_and_leaves_nothing(product: Place, tmp_path: Path) -> None:
    big = product.data_dir / "media" / "big"
    big.write_bytes(os.urandom(3 << 20))
    call = "making.make_backup(making.Path({folder!r}), making.Wishes(), say=print)"
    unchecked = f"from annotator.backup import making\nmaking.check_room = lambda *a: None\n{call}"
    try:
        with small_disk(tmp_path / "small", megabytes=2) as small:
            said = product.refuse("backup", small / "kept")
            assert said.startswith(f"Too little disk: {small / 'kept'} has")
            code = f"import django; django.setup()\n{unchecked.format(folder=str(small / 'kept'))}"
            done = subprocess.run(
                [sys.executable, "-c", code],
                cwd=ROOT,
                env=product.environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.stderr.endswith(f"The disk of {small / 'kept'} is full: nothing of this attempt was kept.\n")
            assert list((small / "kept").iterdir()) == []
    finally:
        big.unlink()


@pytest.mark.slow
def test_an_older_backup_is_migrated(tmp_path: Path) -> None:
    with make_place(tmp_path / "from") as source, make_place(tmp_path / "to") as target:
        source.migrate()
        last = source.run(
            "import json\nfrom django.db.migrations.recorder import MigrationRecorder\n"
            "rows = MigrationRecorder.Migration.objects.filter(app='exchange').order_by('id')\n"
            "print(json.dumps([row.name for row in rows]))"
        )
        source.do("migrate", "-v0", "exchange", last[-2])
        source.do("backup", tmp_path / "kept")
        target.do("restore", tmp_path / "kept")
        assert "[ ]" not in target.do("showmigrations", "exchange")
        assert "[ ]" in source.do("showmigrations", "exchange")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="about PostgreSQL's tools")
def test_tools_that_are_missing_or_too_old(product: Place, whole: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    path = str(tmp_path / "bin")
    assert product.refuse("backup", tmp_path / "kept", PATH=path).startswith("pg_dump is not installed")
    assert product.refuse("restore", whole, "--replace", PATH=path).startswith("pg_restore is not installed")
    for tool in ("pg_dump", "pg_restore"):
        script = tmp_path / "bin" / tool
        script.write_text(f"#!/bin/sh\necho '{tool} (PostgreSQL) 9.6.24'\n")
        script.chmod(0o755)
    assert "pg_dump has version 9 and the server has" in product.refuse("backup", tmp_path / "kept", PATH=path)
    assert "pg_restore has version 9 and" in product.refuse("restore", whole, "--replace", PATH=path)
