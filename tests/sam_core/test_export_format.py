"""Whatever an export writes has one version: it cannot change while the number stays."""

import json
from pathlib import Path
from typing import Any

import onnx
import pytest

from sam_core.export_format import EXPORT_FORMAT
from tests.sam_core.export_digests import RECORD, digests_of, export_tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return export_tiny(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def recorded() -> Any:
    return json.loads(RECORD.read_text(encoding="utf-8"))


def test_the_record_is_of_this_format(recorded: Any) -> None:
    assert recorded["format"] == EXPORT_FORMAT, "record the new format: python -m tests.sam_core.export_digests"


def test_exports_change_only_with_the_format(folder: Path, recorded: Any) -> None:
    found = digests_of(folder)
    weights, kept = found.pop("weights"), recorded.pop("weights")
    assert found == recorded, "raise EXPORT_FORMAT and record: python -m tests.sam_core.export_digests"
    assert weights == pytest.approx(kept, rel=1e-4)


def test_another_graph_has_another_digest(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    model = onnx.load(str(tmp_path / "first.onnx"), load_external_data=False)
    model.graph.node[0].name = "changed"
    onnx.save(model, str(tmp_path / "first.onnx"))
    before, after = digests_of(folder)["graphs"], digests_of(tmp_path)["graphs"]
    assert {name for name in before if before[name] != after[name]} == {"first.onnx"}
