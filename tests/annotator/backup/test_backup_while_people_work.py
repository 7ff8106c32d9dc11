"""A backup while masks are saved and photos come and go over HTTP, restored elsewhere and compared."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage

from annotator.background.leftovers import remove_leftovers
from annotator.images.models import Image
from annotator.storage import keep_deleted_files, set_aside_place
from tests.annotator.backup.places_of_product import MAKE, READ, Annotator, Curator, Place, make_place
from tests.annotator.conftest import storage_folder

# A model version with one file, as an install leaves it.
KEEP_MODEL = """
from pathlib import Path
from django.conf import settings
from annotator.inference.model_store import keep_folder
from annotator.inference.models import ModelVersion
folder = Path(settings.MODELS_DIR) / "m-1"
folder.mkdir(parents=True)
(folder / "model.json").write_text("{}")
facts = {"name": "m", "version": "m-1", "image_size": 64, "embed_dim": 8, "weights_sha256": "0" * 64}
ModelVersion.objects.create(**facts, files=keep_folder(folder))
"""
MODEL_FILE = f"models/{hashlib.sha256(b'{}').hexdigest()[:2]}/{hashlib.sha256(b'{}').hexdigest()}"


@pytest.fixture
def places(tmp_path: Path) -> Iterator[tuple[Place, Place]]:
    """A product with photos, and an empty place."""
    with make_place(tmp_path / "from") as source, make_place(tmp_path / "to") as target:
        source.migrate()
        yield source, target


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def assert_photos_are_whole(place: Place, names: list[str]) -> None:
    files = place.files()
    assert all(digest(files[name]) == name.split("/")[-2] for name in names)


def test_what_was_saved_before_is_in_the_copy_and_all_of_it_is_whole(
    places: tuple[Place, Place], tmp_path: Path
) -> None:
    source, target = places
    made = source.run(KEEP_MODEL + MAKE)
    (source.data_dir / "media" / "embeddings").mkdir()
    (source.data_dir / "media" / "embeddings" / "a.npy").write_bytes(b"can be computed again")
    with source.web() as port:
        annotator, curator = Annotator(port, made), Curator(port, made)
        annotator.start()
        curator.start()
        annotator.wait_for(20)
        curator.wait_for(2)
        before = dict(annotator.acknowledged)
        said = source.do("backup", tmp_path / "kept")
        annotator.wait_for(5)
        annotator.stop()
        curator.stop()
        assert (annotator.errors, curator.errors) == ([], [])
    assert "Missing" not in said
    assert "Damaged" not in said
    target.do("restore", tmp_path / "kept")
    there, here = target.run(READ), source.run(READ)

    assert before.items() <= there["masks"].items() <= here["masks"].items()
    assert annotator.acknowledged.items() <= here["masks"].items()
    assert_photos_are_whole(target, there["originals"])
    (backup,) = (tmp_path / "kept").iterdir()
    manifest = json.loads((backup / "manifest.json").read_text())
    worked_on = {"django_tasks_database_dbtaskresult"}  # what a restore asks for again
    assert {**there["rows"], **dict.fromkeys(worked_on)} == {
        **manifest["database"]["tables"], **dict.fromkeys(worked_on)
    }  # fmt: skip
    assert "embeddings/a.npy" not in target.files()
    assert [name for name in target.files() if name.startswith("models/")] == [MODEL_FILE]
    assert target.files("models") == {}, "a machine's own copies of it are made again"
    assert_the_quiet_copy_is_equal(source, target, here, tmp_path)


def assert_the_quiet_copy_is_equal(source: Place, target: Place, here: dict[str, Any], tmp_path: Path) -> None:
    """Once nobody works, every row and every file is equal; what did not change is a link to the backup before."""
    said = source.do("backup", tmp_path / "kept", "--with-embeddings", "--keep", "1")
    assert "Removed the oldest" in said
    (backup,) = (tmp_path / "kept").iterdir()
    assert json.loads((backup / "manifest.json").read_text())["files"]["linked"] >= len(made_files(source))
    assert "add --replace" in target.refuse("restore", tmp_path / "kept")
    said = target.do("restore", tmp_path / "kept", "--replace")
    assert "kept, until you delete it" in said
    there = target.run(READ)
    differing = {name for name in there["tables"] if there["tables"][name] != here["tables"][name]}
    assert differing <= {"django_tasks_database_dbtaskresult", "images_image", "inference_workerpulse"}
    assert there["masks"] == here["masks"]
    assert there["rows"]["images_image"] == here["rows"]["images_image"]
    assert target.files() == source.files()
    assert (target.data_dir / "secret_key").read_bytes() == (source.data_dir / "secret_key").read_bytes()
    kept = [target.data_dir / name for name in ("media", "secret_key", "maskwright.sqlite3")]
    everything = [path for one in [*kept, tmp_path / "kept"] for path in [one, *one.rglob("*")] if path.exists()]
    assert [str(path) for path in everything if path.stat().st_mode & 0o077] == []


def made_files(source: Place) -> list[str]:
    return [name for name in source.files() if name.startswith("photos/")]


DELETE_IN_BETWEEN = """
import json
from pathlib import Path
from annotator.backup import making
from annotator.images.models import Image
from annotator.images.services import delete_image
copy_files = making._copy_files
def delete_first(*arguments):
    image = Image.objects.first()
    delete_image(image, masks_at_most=None)
    assert not Path(image.file.path).exists()
    return copy_files(*arguments)
making._copy_files = delete_first
making.make_backup(Path({folder!r}), making.Wishes(), say=lambda line: None)
print(json.dumps([path.name for path in Path({data!r}).glob("media/photos/.deleted")]))
"""


def test_a_photo_that_is_deleted_after_the_database_was_copied_is_in_the_copy(
    places: tuple[Place, Place], tmp_path: Path
) -> None:
    source, target = places
    source.run(MAKE)
    names = source.run(READ)["originals"]
    assert source.run(DELETE_IN_BETWEEN.format(folder=str(tmp_path / "kept"), data=str(source.data_dir))) == []
    assert len(source.run(READ)["originals"]) == len(names) - 1
    target.do("restore", tmp_path / "kept")
    assert_photos_are_whole(target, names)
    assert sorted(target.run(READ)["originals"]) == sorted(names)


def test_what_a_killed_backup_kept_from_deletion_goes(image: Image) -> None:
    location, name = storage_folder(), str(image.file.name)
    backup = keep_deleted_files(location)
    backup.__enter__()
    default_storage.delete(name)
    assert set_aside_place(location, name).is_file()
    assert (remove_leftovers(), set_aside_place(location, name).is_file()) == (0, True)
    backup.__exit__(KeyError, KeyError(), None)  # the end of the block is not reached
    assert not default_storage.exists(name)
    assert (remove_leftovers(), set_aside_place(location, name).is_file()) == (1, False)
