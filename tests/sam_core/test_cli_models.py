"""The command line about checkpoints: listed, verified, fetched."""

import hashlib
import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from sam_core import checkpoints
from sam_core.checkpoints import CHECKPOINTS
from sam_core.cli import main
from tests.sam_core.cli_steps import run
from tests.sam_core.weight_server import CONTENT, Server


def test_models_list_names_every_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "mobile_sam.pt").write_bytes(b"")
    status, report, _ = run(capsys, "models", "list", "--folder", tmp_path)
    rows = {row["name"]: row for row in report["models"]}
    assert status == 0
    assert rows["sam_vit_h"]["byte_size"] == 2564550879
    assert rows["sam_vit_b"]["sha256"].startswith("ec2df627")
    assert rows["sam_lite"]["file"] == "sam_lite.pt"
    assert rows["mobile_sam"]["is_here"]
    assert not rows["sam_vit_l"]["is_here"]


def test_models_list_is_readable_without_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["models", "list", "--folder", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "sam_vit_b_01ec64.pth" in text
    assert "licence=Apache-2.0" in text


def test_models_verify(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"weights"
    official = replace(CHECKPOINTS["mobile_sam"], byte_size=len(content), sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(checkpoints.CHECKPOINTS, "mobile_sam", official)
    (tmp_path / "mobile_sam.pt").write_bytes(content)
    status, report, _ = run(capsys, "models", "verify", "mobile_sam", "--folder", tmp_path)
    assert (status, report["is_official"]) == (0, True)
    local = tmp_path / "renamed.bin"
    local.write_bytes(b"WEIGHTS")
    status, _, errors = run(capsys, "models", "verify", "mobile_sam", "--file", local)
    assert status == 2
    assert json.loads(errors)["error"]["code"] == "CheckpointError"
    assert "has SHA-256" in json.loads(errors)["error"]["message"]


def test_models_fetch_downloads_and_says_where_to(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        official = replace(
            CHECKPOINTS["mobile_sam"],
            url=server.url,
            byte_size=len(CONTENT),
            sha256=hashlib.sha256(CONTENT).hexdigest(),
        )
        monkeypatch.setitem(checkpoints.CHECKPOINTS, "mobile_sam", official)
        server.cuts = [1000]
        status, report, errors = run(capsys, "models", "fetch", "mobile_sam", "--folder", tmp_path)
        server.shutdown()
        thread.join()
    assert status == 0
    assert report == {
        "name": "mobile_sam",
        "path": str(tmp_path / "mobile_sam.pt"),
        "sha256": official.sha256,
    }
    assert (tmp_path / "mobile_sam.pt").read_bytes() == CONTENT
    assert errors.splitlines()[-1] == "mobile_sam.pt: 100 %"
