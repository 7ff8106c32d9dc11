"""Where weights come from: two licences each, told only of files that are known."""

from pathlib import Path

import pytest
import torch

from sam_core import origins
from sam_core.checkpoints import CHECKPOINTS
from sam_core.origins import Origin, origin_of, published_origin
from sam_core.registry import LITE_WEIGHTS, MODELS


def test_the_shipped_model_says_that_some_of_its_data_allow_research_only() -> None:
    origin = origin_of("sam_lite")
    assert origin.weights_licence == "Apache-2.0"
    assert "research only" in origin.data_licence
    assert origin.training == "none", "docs/models/sam_lite.md: the shipped weights cannot be repeated"
    assert set(origin.figures) == {"miou_1", "miou_2", "miou_4", "miou_box"}
    card = (Path(__file__).parents[2] / "docs/models/sam_lite.md").read_text(encoding="utf-8")
    assert all(f".{round(1000 * value):03}" in card for value in origin.figures.values())


def test_every_published_model_has_both_licences() -> None:
    for name, spec in MODELS.items():
        if spec.checkpoint is not None:
            known = published_origin(name)
            assert known.weights_licence, name
            assert known.data_licence, name


def test_an_official_file_is_known_by_its_checksum_wherever_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "carried.pth"
    file.write_bytes(b"weights")
    monkeypatch.setattr(origins, "sha256_of", lambda path: CHECKPOINTS["sam_vit_b"].sha256)
    assert origin_of("sam_vit_b", str(file)).data_licence == "SA-1B: research only"


def test_nothing_is_claimed_of_a_stranger_s_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.pth"
    file.write_bytes(b"weights")
    assert origin_of("sam_vit_b", str(file)) == Origin()


def test_a_file_that_names_its_recipe_names_what_it_started_from(tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    torch.save({"model": {}, "training": {"recipe": {"steps": 3}, "started_from": "sam_lite-18"}}, file)
    assert origin_of("sam_lite", str(file)) == Origin(training="recipe", parent="sam_lite-18")
    torch.save({"model": {}}, file)
    assert origin_of("sam_lite", str(file)) == Origin()
    file.write_bytes(LITE_WEIGHTS.read_bytes())
    assert origin_of("sam_lite", str(file)).weights_licence == "Apache-2.0"
