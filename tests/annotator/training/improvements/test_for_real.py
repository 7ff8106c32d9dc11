"""A run with the real training process: the miniature model learns from five images for some seconds."""

from collections.abc import Callable
from typing import Any

import pytest

from annotator.inference.models import ModelVersion
from annotator.jobs.models import JobStatus
from annotator.training import run_process, runs
from annotator.training.models import Improvement
from annotator.training.run_folder import RunFolder


def test_the_training_process_and_the_follower_understand_each_other(
    start: Callable[..., Improvement], model: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = run_process._arguments

    def shortly(*args: Any) -> list[str]:
        return [*arguments(*args), "--minutes", "0.05"]

    monkeypatch.setattr(run_process, "_arguments", shortly)
    row = start(recipe="decoder", device="cpu")
    assert row.job is not None
    runs.run_here(row.job.pk)
    row = Improvement.objects.select_related("job", "version").get(pk=row.pk)
    assert row.job is not None
    assert (row.job.status, row.job.error) == (JobStatus.DONE, "")
    assert row.result["verdict"] in ("better", "same", "worse", "unknown")
    assert len(row.result["comparison"]["simulated"]["after"]["iou"]) == 8
    assert row.job.report["loss"]
    assert row.job.report["held_out"]
    assert {entry["image"] for entry in row.result["per_mask"]} <= {str(image.pk) for image in row.project.images.all()}
    assert all(picture["image"] for picture in row.result["pictures"])
    if row.result["verdict"] != "worse" and row.result["share"]:
        assert row.version is not None
        assert row.version.parent == model
        assert set(row.version.figures) == {"miou_1", "miou_3", "miou_5"}
    assert not RunFolder(row.pk).root.exists()
