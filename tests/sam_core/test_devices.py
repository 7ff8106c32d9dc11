"""Where models run: the fastest device is chosen, one that is not there is named, and float64 reaches none."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sam_core import model_folder
from sam_core.automatic import AutomaticConfig, AutomaticMaskGenerator
from sam_core.backends.torch_backend import TorchPredictor, choose_device, load_predictor
from sam_core.errors import InvalidRequestError
from sam_core.predictor import Prompts


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Pretend that a machine has so many devices of each kind."""

    def has(*, cuda: int = 0, mps: bool = False) -> None:
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return has


@pytest.mark.parametrize(("found", "chosen"), [({"cuda": 2, "mps": True}, "cuda"), ({"mps": True}, "mps"), ({}, "cpu")])
def test_the_fastest_device_is_chosen(machine: Any, found: dict[str, Any], chosen: str) -> None:
    machine(**found)
    assert choose_device(None) == torch.device(chosen)


def test_a_device_by_name(machine: Any) -> None:
    machine(cuda=2, mps=True)
    assert [choose_device(name) for name in ("cpu", "cuda:1", "mps")] == [*map(torch.device, ("cpu", "cuda:1", "mps"))]
    with pytest.raises(
        InvalidRequestError, match="cuda:2 is not there: 2 CUDA devices were found; give cuda or mps or"
    ):
        choose_device("cuda:2")
    machine()
    with pytest.raises(InvalidRequestError, match="mps is not there: 0 MPS devices were found; give cpu"):
        choose_device("mps")


def test_a_worker_knows_where_its_models_run(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(mps=True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    kinds = []
    for platform in ("linux", "darwin"):
        monkeypatch.setattr(sys, "platform", platform)
        model_folder.device_kind.cache_clear()
        kinds.append(model_folder.device_kind())
    model_folder.device_kind.cache_clear()
    assert kinds == ["cpu", "mps"]


class Float64Seen(TorchDispatchMode):
    """Records the operations that take or give float64: a device may refuse it, as MPS does."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        answer = func(*args, **(kwargs or {}))
        if any(isinstance(one, torch.Tensor) and one.dtype == torch.float64 for one in tree_leaves((args, answer))):
            self.operations.add(str(func))
        return answer


@pytest.mark.parametrize("name", ["sam_tiny_test", "sam2_tiny_test"])
def test_float64_never_reaches_a_device(name: str) -> None:
    predictor: TorchPredictor = load_predictor(name, device="cpu")
    image = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    prompts = Prompts(
        point_coords=np.array([[20.0, 30.0]]), point_labels=np.array([1]), boxes_xyxy=np.array([5.0, 6.0, 40.0, 50.0])
    )
    everything = AutomaticConfig(
        points_per_side=2, crop_layers=1, predicted_iou_threshold=0.0, stability_score_threshold=0.0
    )
    with Float64Seen() as seen:
        embedding = predictor.embed(image)
        answer = predictor.predict(embedding.astype(np.float64), prompts)
        again = Prompts(boxes_xyxy=np.array([5.0, 6.0, 40.0, 50.0]), mask_input=answer.low_res_logits[0, 0])
        predictor.predict(embedding, again)
        AutomaticMaskGenerator(predictor, everything).generate(image)
    assert seen.operations == set()
