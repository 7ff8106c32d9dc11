"""The table of model variants, and how to build one with its weights.

Must not know: images and prompts. Building imports torch; looking at the table does not.
Source of the dimensions: Kirillov et al., arXiv 2304.02643, appendix A, and the published checkpoints' shapes; of
SAM 2.1's and SAM-HQ's: sam_core/modeling/sam2.py, hq.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sam_core.checkpoints import CHECKPOINTS, CheckpointFile, default_folder, sha256_of
from sam_core.errors import CheckpointError
from sam_core.weight_files import find_state, read_payload

if TYPE_CHECKING:
    from torch import Tensor

    from sam_core.modeling.image_encoder import ImageEncoderViT
    from sam_core.modeling.promptable import PromptableModel

LITE_WEIGHTS = Path(__file__).parent / "weights" / "sam_lite.pt"
TEST_SEED = 20230405
# width, depth, heads, blocks with global attention
VIT_SIZES = {
    "b": (768, 12, 12, (2, 5, 8, 11)),
    "l": (1024, 24, 16, (5, 11, 17, 23)),
    "h": (1280, 32, 16, (7, 15, 23, 31)),
}


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """A variant: how to build it untrained, which weights belong to it, and what older ones of it lack.

    `is_for_tests` keeps it out of lists that people choose from.
    """

    name: str
    description: str
    image_size: int
    embed_dim: int
    build_untrained: Callable[[], "PromptableModel"]
    checkpoint: CheckpointFile | None = None
    completed_state: Callable[["PromptableModel", dict[str, "Tensor"]], dict[str, "Tensor"]] = lambda _, state: state
    is_for_tests: bool = False


def _vit_encoder(size: str) -> "ImageEncoderViT":
    from sam_core.modeling.image_encoder import ImageEncoderViT, ViTConfig

    embed_dim, depth, num_heads, global_blocks = VIT_SIZES[size]
    return ImageEncoderViT(
        ViTConfig(embed_dim=embed_dim, depth=depth, num_heads=num_heads, global_blocks=global_blocks)
    )


def _vit(size: str) -> ModelSpec:
    def build() -> "PromptableModel":
        from sam_core.modeling.published import build_published

        return build_published(_vit_encoder(size))

    return _of_published_size(f"sam_vit_{size}", f"SAM with the ViT-{size.upper()} image encoder", build)


def _hq(size: str) -> ModelSpec:
    def build() -> "PromptableModel":
        from sam_core.modeling.hq import HqSam
        from sam_core.modeling.tiny_vit import TinyViT, TinyViTConfig

        return HqSam(TinyViT(TinyViTConfig()) if size == "tiny" else _vit_encoder(size))

    encoder = "TinyViT-5M" if size == "tiny" else f"ViT-{size.upper()}"
    return _of_published_size(f"sam_hq_vit_{size}", f"SAM-HQ with the {encoder} image encoder: finer borders", build)


def _of_published_size(name: str, description: str, build: Callable[[], "PromptableModel"]) -> ModelSpec:
    return ModelSpec(
        name=name,
        description=description,
        image_size=1024,
        embed_dim=256,
        build_untrained=build,
        checkpoint=CHECKPOINTS[name],
    )


def _sam2(size: str) -> ModelSpec:
    def build() -> "PromptableModel":
        from sam_core.modeling import sam2

        configs = {"tiny": sam2.TINY, "small": sam2.SMALL, "base_plus": sam2.BASE_PLUS, "large": sam2.LARGE}
        return sam2.Sam2(configs[size])

    name = f"sam2.1_hiera_{size}"
    return ModelSpec(
        name=name,
        description=f"SAM 2.1 for single images, with the Hiera {size.replace('_plus', '+')} image encoder",
        image_size=1024,
        embed_dim=256,
        build_untrained=build,
        checkpoint=CHECKPOINTS[name],
        completed_state=_image_part,
    )


def _image_part(model: "PromptableModel", state: dict[str, "Tensor"]) -> dict[str, "Tensor"]:
    from sam_core.modeling.sam2 import image_state

    return image_state(model, state)


def _build_mobile() -> "PromptableModel":
    from sam_core.modeling.published import build_published
    from sam_core.modeling.tiny_vit import TinyViT, TinyViTConfig

    return build_published(TinyViT(TinyViTConfig()))


def _build_lite() -> "PromptableModel":
    from sam_core.modeling.lite import build_sam_lite

    return build_sam_lite()


def _complete_lite(model: "PromptableModel", state: dict[str, "Tensor"]) -> dict[str, "Tensor"]:
    from sam_core.modeling.lite import completed_state

    return completed_state(model, state)


def _build_tiny_test() -> "PromptableModel":
    from sam_core.modeling.published import build_seeded_tiny

    return build_seeded_tiny(TEST_SEED)


def _build_sam2_miniature() -> "PromptableModel":
    from sam_core.modeling.sam2 import build_miniature

    return build_miniature(TEST_SEED)


MODELS: dict[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        ModelSpec(
            name="sam_lite",
            description="the default model, shipped with sam_core: EfficientNet-Lite0 encoder, works offline",
            image_size=512,
            embed_dim=128,
            build_untrained=_build_lite,
            completed_state=_complete_lite,
        ),
        *(_vit(size) for size in VIT_SIZES),
        _of_published_size("mobile_sam", "MobileSAM: SAM with the TinyViT-5M image encoder", _build_mobile),
        *(_hq(size) for size in (*VIT_SIZES, "tiny")),
        *(_sam2(size) for size in ("tiny", "small", "base_plus", "large")),
        ModelSpec(
            name="sam_tiny_test",
            description="a seeded, untrained miniature for tests",
            image_size=64,
            embed_dim=32,
            build_untrained=_build_tiny_test,
            is_for_tests=True,
        ),
        ModelSpec(
            name="sam2_tiny_test",
            description="a seeded, untrained miniature of SAM 2.1 for tests",
            image_size=128,
            embed_dim=32,
            build_untrained=_build_sam2_miniature,
            is_for_tests=True,
            completed_state=_image_part,
        ),
    )
}


def model_spec(name: str) -> ModelSpec:
    """Look a variant up; raises CheckpointError with the known names."""
    try:
        return MODELS[name]
    except KeyError:
        raise CheckpointError(f"no model is called {name!r}; there are: {', '.join(MODELS)}") from None


def find_weights(name: str, checkpoint: Path | str | None = None) -> Path | None:
    """Return the file a model's weights come from: the one given, the shipped one, or the fetched one.

    None for the test model, which needs none. Raises CheckpointError when there is no such file.
    """
    spec = model_spec(name)
    if checkpoint is not None:
        path, hint = Path(checkpoint), "give the path of a weight file"
    elif spec.checkpoint is not None:
        path = default_folder() / spec.checkpoint.file_name
        hint = f"download it from {spec.checkpoint.url}"
        if spec.checkpoint.is_pinned:
            hint = f"get it with: python -m sam_core models fetch {name}"
    elif name == "sam_lite":
        path, hint = LITE_WEIGHTS, "it belongs to the source tree"
    else:
        return None
    if not path.is_file():
        raise CheckpointError(f"the weights {path} are not there; {hint}")
    return path


def build_model(name: str, checkpoint: Path | str | None = None) -> "PromptableModel":
    """Build a variant with its weights, in eval mode, float32, on the CPU.

    checkpoint: a local weight file; without it the shipped or the fetched one is used. For a model without trained
    weights call `MODELS[name].build_untrained()`. Raises CheckpointError for weights that are missing, damaged or
    of another variant.
    """
    path = find_weights(name, checkpoint)
    spec = model_spec(name)
    model = spec.build_untrained()
    if path is not None:
        load_weights(model, spec.completed_state(model, read_state(path)), name=name, source=path)
    return model.eval()


def model_version(name: str, checkpoint: Path | str | None = None) -> str:
    """Return the label of embeddings made with these weights: equal labels mean equal weights.

    Official files of known checksum are labelled by their name, sam_lite and what was improved here by the version
    inside, others by checksum.
    """
    spec, path = model_spec(name), find_weights(name, checkpoint)
    if path is None:
        return name
    if spec.checkpoint is not None and spec.checkpoint.sha256 and checkpoint is None:
        return spec.checkpoint.version
    if spec.checkpoint is not None and spec.checkpoint.sha256 == sha256_of(path):
        return spec.checkpoint.version
    return _version_inside(spec, path) or f"{name}-{sha256_of(path)[:12]}"


def _version_inside(spec: ModelSpec, path: Path) -> str | None:
    """Return the version that training wrote into a file, None where others made it."""
    try:
        payload = read_payload(path)
    except CheckpointError:
        if spec.checkpoint is None:
            raise
        return None  # whoever builds the model says what is wrong with it
    version, is_ours = payload.get("version"), spec.checkpoint is None or "training" in payload
    return version if is_ours and isinstance(version, str) else None


def read_state(path: Path) -> dict[str, "Tensor"]:
    """Read a state dict, plain or wrapped, as float32; never runs code from the file. Raises CheckpointError."""
    return find_state(read_payload(path), path)


def load_weights(model: "PromptableModel", state: dict[str, "Tensor"], *, name: str, source: Path) -> None:
    """Copy a state dict into a model, every name and shape matching; in place.

    Raises CheckpointError that names the variant the state dict seems to be of.
    """
    wanted = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    given = {key: tuple(value.shape) for key, value in state.items()}
    if wanted == given:
        model.load_state_dict(state)
        return
    other = guess_variant(given)
    if other is not None and other != name:
        raise CheckpointError(f"{source} holds weights of {other}, not of {name}")
    needed, held = (dict.fromkeys(k.partition(".")[0] for k in keys if "." in k) for keys in (wanted, given))
    lacking = [part for part in needed if part not in held]
    if lacking:
        raise CheckpointError(f"{source} does not fit {name}: it holds no {' and no '.join(lacking)}")
    differing = sorted(key for key in wanted.keys() | given.keys() if wanted.get(key) != given.get(key))
    count = "1 tensor is" if len(differing) == 1 else f"{len(differing)} tensors are"
    raise CheckpointError(
        f"{source} does not fit {name}: {count} missing, unknown or of another shape, "
        f"for example {', '.join(differing[:3])}"
    )


def guess_variant(shapes: dict[str, tuple[int, ...]]) -> str | None:
    """Name the variant that a state dict's shapes belong to, by the tensor that tells them apart."""
    if "image_encoder.trunk.patch_embed.proj.weight" in shapes:
        return _guess_sam2(shapes)
    is_hq = "mask_decoder.hf_token.weight" in shapes
    if "image_encoder.layers.0.blocks.0.conv1.c.weight" in shapes:
        return "sam_hq_vit_tiny" if is_hq else "mobile_sam"
    if "image_encoder.stem.weight" in shapes:
        return "sam_lite"
    width = shapes.get("image_encoder.pos_embed", (0,))[-1]
    if is_hq:
        return {768: "sam_hq_vit_b", 1024: "sam_hq_vit_l", 1280: "sam_hq_vit_h"}.get(width)
    return {768: "sam_vit_b", 1024: "sam_vit_l", 1280: "sam_vit_h", 32: "sam_tiny_test"}.get(width)


def _guess_sam2(shapes: dict[str, tuple[int, ...]]) -> str | None:
    from sam_core.modeling.sam2 import MINIATURE, is_sam_2_0

    width = shapes["image_encoder.trunk.patch_embed.proj.weight"][0]
    narrow = "small" if "image_encoder.trunk.blocks.15.norm1.weight" in shapes else "tiny"
    if width == MINIATURE.embed_dim:
        return "sam2_tiny_test"
    size = {96: narrow, 112: "base_plus", 144: "large"}.get(width)
    if size is None:
        return None
    return f"SAM 2.0's sam2_hiera_{size}" if is_sam_2_0(shapes) else f"sam2.1_hiera_{size}"
