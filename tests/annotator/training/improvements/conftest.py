"""A project with masks to learn from, and a training process that trains nothing but keeps to the contract."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotator import model_gateway, sam_gateway
from annotator.accounts.models import User
from annotator.images.models import Image
from annotator.inference import model_sync
from annotator.inference.models import ModelVersion
from annotator.inference.selectors import model_folder
from annotator.jobs import beating
from annotator.projects.models import Label, Project
from annotator.training import run_process, runs
from annotator.training.improvements import ImprovementOrder, start_improvement
from annotator.training.models import Improvement
from tests.annotator.inference_steps import exported_tiny_model
from tests.annotator.rows_of_work import *  # noqa: F403
from tests.seeded_weights import tiny_weights

STAND_IN = Path(__file__).with_name("stand_in.py")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often, tell everything; no thread writes to a database that lies in memory."""
    monkeypatch.setattr(runs, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(runs, "TELL_SECONDS", 0.0)
    monkeypatch.setattr(beating, "BEAT_EVERY_SECONDS", 3600.0)


@pytest.fixture
def quick_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let new weights be exported by copying graphs of the same kind: the graphs are not what is looked at."""

    def copy(name: str, version: str, *, checkpoint: str, on_step: Callable[[str], object]) -> sam_gateway.ModelCard:
        folder = model_folder(version)
        shutil.copytree(exported_tiny_model(), folder)
        shutil.copyfile(checkpoint, folder / "weights.pt")
        card = json.loads((folder / sam_gateway.MODEL_CARD).read_text())
        digest = sam_gateway.weights_digest(name, checkpoint)
        card.update(version=version, checkpoint="weights.pt", weights_sha256=digest)
        (folder / sam_gateway.MODEL_CARD).write_text(json.dumps(card))
        for step in model_gateway.STEPS:
            on_step(step)
        return sam_gateway.read_card(folder)

    monkeypatch.setattr(model_sync, "export_model", copy)


@pytest.fixture
def learnable(project: Project, label: Label, admin: User, add_photo: Any, add_mask: Any) -> list[Image]:
    """Five submitted images with a mask each."""
    images = [add_photo(work_status="submitted") for _ in range(5)]
    for image in images:
        add_mask(image, (2, 2, 20, 16), author=admin, label=label, provenance={
            "prompts": [{"type": "point", "x": 9, "y": 9, "label": 1}]})  # fmt: skip
    return images


@pytest.fixture(scope="session")
def trained_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weight file of the tiny model."""
    path = tmp_path_factory.mktemp("trained") / "weights.pt"
    path.write_bytes(tiny_weights())
    return path


@pytest.fixture
def plan(
    own_data_dir: Path, trained_weights: Path, quick_export: None, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Say what the training process is to do; it is the stand-in from now on."""
    monkeypatch.setattr(run_process, "COMMAND", (sys.executable, str(STAND_IN)))

    def say(**wishes: Any) -> None:
        folder = own_data_dir / "training"
        folder.mkdir(exist_ok=True)
        content = {"weights": str(trained_weights), "verdict": "better", **wishes}
        (folder / "stand_in.json").write_text(json.dumps(content))

    say()
    return say


@pytest.fixture
def start(
    project: Project, model: ModelVersion, learnable: list[Image], admin: User, django_capture_on_commit_callbacks: Any
) -> Callable[..., Improvement]:
    """Ask for an improvement, as the page does."""

    def ask(**order: Any) -> Improvement:
        with django_capture_on_commit_callbacks(execute=True):
            return start_improvement(Project.objects.get(pk=project.pk), ImprovementOrder(**order), user=admin)

    return ask
