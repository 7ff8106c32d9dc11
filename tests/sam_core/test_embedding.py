"""An embedding is a set of named tensors in one file; SAM's stays the .npy that it was."""

import io
from typing import Any

import numpy as np
import pytest

from sam_core.embedding import IMAGE_EMBEDDINGS, TensorSpec, pack, unpack
from sam_core.errors import InvalidPromptError
from sam_core.model_folder import embedding_of

SAM = (TensorSpec(IMAGE_EMBEDDINGS, (1, 4, 3, 3)),)
SEVERAL = (TensorSpec("low", (1, 4, 3, 3)), TensorSpec("high", (1, 2, 6, 6)), TensorSpec("finest", (1, 1, 12, 12)))


def tensors(specs: Any) -> Any:
    random = np.random.default_rng(0)
    return {one.name: random.normal(size=one.shape).astype(np.float32) for one in specs}


def test_the_file_of_one_tensor_is_the_npy_of_always() -> None:
    made = tensors(SAM)
    buffer = io.BytesIO()
    np.save(buffer, made[IMAGE_EMBEDDINGS].astype(np.float16), allow_pickle=False)
    assert pack(made, SAM) == buffer.getvalue()
    assert unpack(buffer.getvalue(), SAM)[IMAGE_EMBEDDINGS].dtype == np.float16


@pytest.mark.parametrize("specs", [SAM, SEVERAL])
def test_a_file_gives_back_every_tensor_by_its_name(specs: Any) -> None:
    made = tensors(specs)
    found = unpack(pack(made, specs), specs)
    assert found.keys() == made.keys()
    for name, value in made.items():
        np.testing.assert_array_equal(found[name], value.astype(np.float16))


def test_a_file_of_another_model_is_refused() -> None:
    data = pack(tensors(SEVERAL), SEVERAL)
    with pytest.raises(InvalidPromptError, match="high"):
        unpack(data, SAM)
    with pytest.raises(InvalidPromptError, match="shape"):
        pack(tensors(SAM), SEVERAL)


def test_specs_survive_the_manifest() -> None:
    manifest = {"embedding": [one.to_manifest() for one in SEVERAL]}
    assert embedding_of(manifest) == SEVERAL
    assert embedding_of({"grid": 3, "embed_dim": 4}) == SAM
