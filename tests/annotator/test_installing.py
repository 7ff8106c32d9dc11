"""Installing models: all of it or nothing, whatever breaks off, and kept so that another machine needs nothing else."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from annotator import sam_gateway
from annotator.audit.models import AuditEvent
from annotator.errors import AppError, ConflictError, InvalidError
from annotator.inference.installing import InstallOrder, downloads, install_model
from annotator.inference.model_store import blob_name, hold
from annotator.inference.models import ModelVersion
from tests.annotator.homes import ROOT
from tests.annotator.inference_steps import TINY_MODEL
from tests.annotator.installing_steps import copy_export
from tests.annotator.small_disks import fill, needs_mount, small_disk
from tests.sam_core.weight_server import Server
from tests.seeded_weights import VERSION, digest_of, tiny_weights, weight_server

pytestmark = pytest.mark.django_db


@pytest.fixture
def server() -> Iterator[Server]:
    with weight_server() as running:
        yield running


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Export the tiny weights once for all tests: what is tested is what surrounds that."""
    monkeypatch.setattr(sam_gateway, "export_model", copy_export)


def order_from(server: Server, content: bytes | None = None) -> InstallOrder:
    digest = digest_of(tiny_weights() if content is None else content)
    return InstallOrder(name=TINY_MODEL, mirror=server.url, sha256=digest)


def install(order: InstallOrder) -> ModelVersion:
    return install_model(order, tell=lambda phase, done, total: None)[0]


def nothing_is_installed() -> bool:
    """Say whether there is no version, no folder of one, and nothing of one in the storage."""
    folders = [path for path in downloads().parent.iterdir() if not path.name.startswith(".") and path.is_dir()]
    return not (ModelVersion.objects.exists() or folders or default_storage.exists("models"))


def drafts() -> list[Path]:
    return list(downloads().parent.glob(".exporting-*"))


def test_a_download_that_breaks_off_goes_on_and_is_installed_whole(server: Server) -> None:
    server.cuts = [50_000]
    seen: list[str] = []
    row, is_new = install_model(order_from(server), tell=lambda phase, done, total: seen.append(phase))
    assert (row.version, is_new, server.ranges[-1]) == (VERSION, True, "bytes=50000-")
    assert list(dict.fromkeys(seen)) == ["download", "weights", "browser", "decoder", "encoder", "check"]
    assert {"weights.pt", "model.json", "encoder.onnx", "decoder.onnx"} <= {file["name"] for file in row.files}
    for file in row.files:
        with default_storage.open(blob_name(file["sha256"]), "rb") as stored:
            assert digest_of(stored.read()) == file["sha256"]
    assert list(downloads().iterdir()) == []
    event = AuditEvent.objects.get(verb="model.installed")
    assert (event.object_name, event.changes["from"]) == (VERSION, [None, server.url])


def test_installing_again_finds_it_there(server: Server, quick: None) -> None:
    first = install(order_from(server))
    row, is_new = install_model(order_from(server), tell=lambda *_: None)
    assert (row, is_new) == (first, False)


def test_a_download_that_ends_for_good_is_kept_for_the_next_try(server: Server, quick: None) -> None:
    server.cuts = [60_000, *[0] * 5]
    with pytest.raises(InvalidError, match=r"The download stopped.*What has come is kept: try again") as told:
        install(order_from(server))
    assert told.value.code == "download_stopped"
    assert nothing_is_installed()
    assert [file.stat().st_size for file in downloads().iterdir()] == [60_000]
    assert install(order_from(server)).version == VERSION
    assert server.ranges[-1] == "bytes=60000-"


@pytest.mark.parametrize("content", [b"x" * 5000, tiny_weights()[:-1] + b"!"])
def test_another_file_than_asked_for_is_refused(content: bytes) -> None:
    with weight_server(content) as server, pytest.raises(InvalidError, match="What came is not the file") as told:
        install(order_from(server))
    assert "SHA-256" in told.value.message
    assert nothing_is_installed()
    assert list(downloads().iterdir()) == []


def test_a_page_instead_of_weights_is_called_a_page(server: Server) -> None:
    server.content = b"<!DOCTYPE html><title>Sign in</title>" + b" " * 40_000
    server.cuts = [600]
    with pytest.raises(InvalidError, match="answered with a web page"):
        install(order_from(server))
    assert nothing_is_installed()
    assert list(downloads().iterdir()) == [], "the beginning of a page is nothing to go on with"


def test_weights_of_another_model_are_refused_with_the_reason(tmp_path: Path) -> None:
    import torch

    file = tmp_path / "other.pt"
    torch.save({"mask_decoder.x": torch.zeros(2)}, file)
    with pytest.raises(InvalidError, match=r"These weights cannot be used: .*does not fit sam_tiny_test"):
        install(InstallOrder(name=TINY_MODEL, file=str(file)))
    assert nothing_is_installed()
    assert drafts() == []
    assert file.exists(), "the person's own file stays"


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"name": "sam_of_tomorrow"}, "no model is called"),
        ({"mirror": "file:///etc/passwd", "sha256": "0" * 64}, "begins with https"),
        ({"mirror": "http://127.0.0.1/x"}, "give the SHA-256"),
        ({"mirror": "http://127.0.0.1/x", "sha256": "abc"}, "64 digits"),
        ({"file": "/nowhere/x.pt"}, "There is no file /nowhere/x.pt"),
        ({"upload": "0" * 64}, "upload it again"),
    ],
)
def test_orders_that_cannot_be_done_say_why(order: dict[str, Any], said: str) -> None:
    with pytest.raises(AppError, match=said):
        install(replace(InstallOrder(name=TINY_MODEL), **order))


def test_only_one_install_of_a_model_at_a_time_on_a_machine(server: Server, quick: None) -> None:
    with hold(f"installing-{TINY_MODEL}"), pytest.raises(ConflictError, match="already"):
        install(order_from(server))
    assert server.ranges == []
    assert install(order_from(server)).version == VERSION


def test_too_little_space_is_said_before_anything_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annotator.inference.installing.free_bytes", lambda _folder: 500 << 20)
    with pytest.raises(AppError, match=r"Too little space: 1,530 MB are needed and 500 MB are free"):
        install(InstallOrder(name="sam_vit_b"))


@needs_mount
def test_a_disk_that_gets_full_leaves_nothing_installed(
    server: Server, settings: Any, tmp_path: Path, quick: None
) -> None:
    with small_disk(tmp_path / "small", megabytes=2) as disk:
        settings.MODELS_DIR = disk
        fill(disk, leave_bytes=100_000)
        command = {"mirror": server.url, "sha256": order_from(server).sha256, "stdout": StringIO()}
        settings.MIN_FREE_BYTES = 0
        with pytest.raises(CommandError, match="disk is full"):
            call_command("install_model", TINY_MODEL, **command)
        assert nothing_is_installed()
        (disk / "ballast").unlink()
        settings.MODELS_DIR = tmp_path / "models"
        call_command("install_model", TINY_MODEL, **command)
    assert ModelVersion.objects.get().version == VERSION


KILLED = """
import os, sys
import django
django.setup()
from annotator import sam_gateway
from annotator.inference.installing import InstallOrder, install_model
def die(*seen):
    os.kill(os.getpid(), 9)
"""
IN_THE_DOWNLOAD = "install_model(InstallOrder(name='sam_tiny_test', mirror=sys.argv[1], sha256=sys.argv[2]), tell=die)"
IN_THE_EXPORT = """
from pathlib import Path
from django.conf import settings
folder = Path(settings.MODELS_DIR) / "tiny-9"
sam_gateway.export_model("sam_tiny_test", folder, version="tiny-9", on_step=lambda step: step == "decoder" and die())
"""


@pytest.mark.parametrize("code", [IN_THE_DOWNLOAD, IN_THE_EXPORT])
def test_a_process_killed_in_the_middle_installs_nothing_and_the_next_goes_on(
    server: Server, code: str, settings: Any, quick: None
) -> None:
    environment = {
        "DATA_DIR": str(settings.DATA_DIR),
        "DJANGO_SETTINGS_MODULE": "annotator.settings",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", KILLED + code, server.url, order_from(server).sha256]
    assert subprocess.run(command, env=environment, check=False, cwd=ROOT).returncode == -signal.SIGKILL
    assert nothing_is_installed()
    left: list[str | None] = [f"bytes={file.stat().st_size}-" for file in downloads().iterdir()]
    before = len(server.ranges)
    assert install(order_from(server)).version == VERSION
    assert server.ranges[before:] == (left or [None])


def test_the_card_names_no_path_of_the_shell_that_installed(tmp_path: Path, settings: Any, quick: None) -> None:
    file = tmp_path / "carried by hand.pt"
    file.write_bytes(tiny_weights())
    out = StringIO()
    call_command("install_model", TINY_MODEL, file=str(file), stdout=out)
    assert out.getvalue().splitlines()[1:3] == [
        "licence of the weights as published: Apache-2.0",
        "trained on: none: the weights are drawn from a seed",
    ]
    file.unlink()
    row = ModelVersion.objects.get()
    folder = Path(settings.MODELS_DIR) / row.version
    assert str(tmp_path) not in (folder / "model.json").read_text()
    assert json.dumps(row.manifest).count(str(tmp_path)) == 0
    assert sam_gateway.open_torch_predictor(folder).model_version == VERSION, "its weights are its own"


def test_two_at_once_end_with_one_version(server: Server, quick: None) -> None:
    """The second waits for nothing: it is told that the first is under way."""
    refused: list[str] = []

    def tell(phase: str, done: int, total: int) -> None:
        if phase == "browser" and not refused:
            other = threading.Thread(target=try_too)
            other.start()
            other.join()

    def try_too() -> None:
        try:
            install_model(order_from(server), tell=lambda *_: None)
        except ConflictError as error:
            refused.append(error.code)

    assert install_model(order_from(server), tell=tell)[0].version == VERSION
    assert refused == ["installing"]
    assert ModelVersion.objects.count() == 1
