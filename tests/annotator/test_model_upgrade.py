"""Models of an older export format: a start exports each anew from its weights, and names those that it cannot."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from annotator.inference.model_sync import sync_model
from annotator.inference.model_upgrade import export_outdated_models
from annotator.inference.models import ModelVersion
from annotator.projects.models import Project
from sam_core.export_format import EXPORT_FORMAT
from tests.annotator.inference_steps import TINY_MODEL

OLDER = {"format": 3}


def make_older(row: ModelVersion, settings: Any, **card: Any) -> None:
    """Turn a model's folder and row into those of an older version of the product."""
    file = Path(settings.MODELS_DIR) / row.version / "model.json"
    current = json.loads(file.read_text())
    manifest = current["manifest"] | OLDER
    file.write_text(json.dumps(current | OLDER | {"manifest": manifest, "exporter": "0123456789abcdef"} | card))
    ModelVersion.objects.filter(pk=row.pk).update(manifest=manifest)


@pytest.fixture
def other(model: ModelVersion, settings: Any, tmp_path: Path) -> ModelVersion:
    """A second model beside the default one, from a weight file of its own, of an older format."""
    import torch

    from sam_core.registry import build_model

    file = tmp_path / "mine.pt"
    torch.save({"model": build_model(TINY_MODEL).state_dict(), "version": "mine-1"}, file)
    row, _is_new = sync_model(TINY_MODEL, checkpoint=str(file))
    make_older(row, settings)
    settings.DEFAULT_MODEL = "sam_other"
    return row


def test_each_is_exported_anew_under_its_own_version(model: ModelVersion, other: ModelVersion, settings: Any) -> None:
    make_older(model, settings)
    said: list[str] = []
    assert export_outdated_models(say=said.append) == []
    assert len([line for line in said if line.startswith("Exporting model ")]) == ModelVersion.objects.count()
    for row in ModelVersion.objects.all():
        card = json.loads((Path(settings.MODELS_DIR) / row.version / "model.json").read_text())
        assert (card["version"], card["format"], row.manifest["format"]) == (row.version, EXPORT_FORMAT, EXPORT_FORMAT)
        assert row.manifest == card["manifest"]
    assert export_outdated_models(say=said.append) == []


def test_one_whose_weights_are_gone_is_named_and_the_others_are_exported(
    model: ModelVersion, settings: Any, tmp_path: Path
) -> None:
    fields = {"image_size": 64, "embed_dim": 32, "manifest": OLDER}
    gone = ModelVersion.objects.create(name="sam_vit_b", version="gone-1", weights_sha256="0" * 64, **fields)
    Project.objects.create(name="pinned", model_version=gone)
    make_older(model, settings)
    failures = export_outdated_models(say=lambda line: None)
    assert len(failures) == 1
    assert "gone-1 could not be exported" in failures[0]
    Project.objects.all().delete()
    assert export_outdated_models(say=lambda line: None) == [], "one that nobody uses is told to the log alone"
    model.refresh_from_db()
    assert model.manifest["format"] == EXPORT_FORMAT


def test_weights_that_were_replaced_are_never_exported_under_the_old_name(model: ModelVersion, settings: Any) -> None:
    make_older(model, settings)
    ModelVersion.objects.update(weights_sha256="1" * 64)
    assert "replaced" in export_outdated_models(say=lambda line: None)[0]
    model.refresh_from_db()
    assert model.manifest["format"] == OLDER["format"]


@pytest.mark.django_db(transaction=True)
def test_the_start_does_so_and_goes_on_without_those_that_fail(model: ModelVersion, settings: Any) -> None:
    settings.DEMO = False
    fields = {"image_size": 64, "embed_dim": 32, "manifest": OLDER}
    gone = ModelVersion.objects.create(name="sam_vit_b", version="gone-1", weights_sha256="0" * 64, **fields)
    Project.objects.create(name="pinned", model_version=gone)
    out = StringIO()
    call_command("prepare_start", stdout=out, stderr=StringIO())
    told = json.loads(out.getvalue().strip().splitlines()[-1])
    assert [note for note in told["notes"] if "gone-1" in note]
    assert told["sign_ins"]
