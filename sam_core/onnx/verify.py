"""Compare an exported graph with torch on random prompts before anybody gets to use it.

Must not know: how the graph was made. A graph that strays by more than MAX_DIFFERENCE in logits is refused.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from sam_core.errors import ExportError

Array = NDArray[np.float32]

MAX_DIFFERENCE = 1e-3
POINT_COUNTS = (1, 2, 5, 16)
SEED = 1729
LOGIT_SPREAD = 8.0


@dataclass(frozen=True)
class PromptCase:
    """One prompt in model pixels, as the prompt encoder takes it: padding point or box corners included."""

    name: str
    coords: Array  # 1 x T x 2
    labels: Array  # 1 x T
    mask_input: Array | None  # 1 x 1 x S x S


def prompt_cases(image_size: int, mask_side: int) -> Iterator[PromptCase]:
    """Yield 1, 2, 5 and 16 points, a box, and a box with points, each with and without a mask prompt."""
    random = np.random.default_rng(SEED)
    shapes = [(count, False) for count in POINT_COUNTS] + [(0, True)] + [(count, True) for count in POINT_COUNTS]
    for has_mask in (False, True):
        for count, has_box in shapes:
            mask = random.normal(0, LOGIT_SPREAD, (1, 1, mask_side, mask_side)) if has_mask else None
            coords, labels = _tokens(random, image_size, count=count, has_box=has_box)
            name = f"{count} points{', box' * has_box}{', mask' * has_mask}"
            yield PromptCase(name, coords, labels, None if mask is None else mask.astype(np.float32))


def _tokens(random: np.random.Generator, image_size: int, *, count: int, has_box: bool) -> tuple[Array, Array]:
    points = random.uniform(0, image_size, (count, 2))
    labels = random.integers(0, 2, count)
    if has_box:
        low, high = np.sort(random.uniform(0, image_size, (2, 2)), axis=0)
        extra, extra_labels = np.stack([low, high + 1]), [2, 3]
    else:
        extra, extra_labels = np.zeros((1, 2)), [-1]
    coords = np.concatenate([points, extra])[None].astype(np.float32)
    return coords, np.concatenate([labels, extra_labels])[None].astype(np.float32)


def open_session(file: Path) -> onnxruntime.InferenceSession:
    """Load a graph on the CPU; raises ExportError when the runtime refuses it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Threads that spin while they wait take the cores that torch computes the other half of the comparison on.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ExportError(f"onnxruntime cannot load {file.name}: {error}") from error


def run(session: onnxruntime.InferenceSession, feeds: dict[str, Array]) -> list[Array]:
    """Run a graph; raises ExportError when it fails on inputs that its interface allows."""
    try:
        return [np.asarray(output) for output in session.run(None, feeds)]
    except Exception as error:
        raise ExportError(f"the graph fails on {[f'{k}{v.shape}' for k, v in feeds.items()]}: {error}") from error


def largest_difference(name: str, got: Sequence[Array], expected: Sequence[Array]) -> float:
    """Return the largest absolute difference; raises ExportError above MAX_DIFFERENCE or for other shapes."""
    worst = 0.0
    for index, (actual, wanted) in enumerate(zip(got, expected, strict=True)):
        if actual.shape != wanted.shape:
            raise ExportError(f"{name}: output {index} has shape {actual.shape}, torch gives {wanted.shape}")
        difference = float(np.abs(actual - wanted).max(initial=0.0))
        if not difference <= MAX_DIFFERENCE:  # NaN is refused as well
            raise ExportError(f"{name}: output {index} differs from torch by {difference:.2e}, over {MAX_DIFFERENCE}")
        worst = max(worst, difference)
    return worst


@contextmanager
def kept_if_right(file: Path) -> Iterator[Path]:
    """Give a place to write to; the file appears under its own name only if the block ends without an error."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=file.parent, prefix=".export-") as folder:
            draft = Path(folder) / file.name
            yield draft
            draft.replace(file)
    except OSError as error:
        raise ExportError(f"could not write {file}: {error}") from error


def worst_case(cases: Iterator[PromptCase], check: Callable[[PromptCase], float]) -> float:
    """Return the largest difference over all cases."""
    return max(check(case) for case in cases)
