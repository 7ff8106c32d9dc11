"""Official weight files: the table of them, and where this machine keeps them (fetching.py gets them).

Must not know: torch or the model.
Source of names, sizes and checksums: the README files of facebookresearch/segment-anything and
ChaoningZhang/MobileSAM (both Apache-2.0) and the files themselves as published; for SAM 2.1 the download script of
facebookresearch/sam2 (Apache-2.0), sizes and checksums as several independent projects that pin its files state them;
for SAM-HQ the README of SysCV/sam-hq (Apache-2.0), size and checksum of ViT-H and checksum of ViT-tiny as such projects
state them. Nobody states those of ViT-B and ViT-L, so they are not here.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from sam_core.errors import CheckpointError

META_BASE_URL = "https://dl.fbaipublicfiles.com"
# Pinned to a commit: the file behind a branch name could change.
MOBILE_SAM_COMMIT = "f706ad9c4eb7f219c00d9050e46328518ffb65d2"
HQ_BASE_URL = "https://huggingface.co/lkeab/hq-sam/resolve/main"


@dataclass(frozen=True, kw_only=True)
class CheckpointFile:
    """One downloadable weight file; an empty sha256 or a byte_size of 0 is not known to us."""

    file_name: str
    url: str
    sha256: str
    byte_size: int
    licence: str
    source: str

    @property
    def version(self) -> str:
        """The file's name without its ending: what embeddings made with it are labelled with."""
        return Path(self.file_name).stem

    @property
    def is_pinned(self) -> bool:
        """Whether its checksum is known; nothing else is fetched."""
        return bool(self.sha256)


def _meta(
    file_name: str,
    sha256: str,
    byte_size: int,
    *,
    folder: str = "segment_anything",
    source: str = "Meta AI, facebookresearch/segment-anything, trained on SA-1B",
) -> CheckpointFile:
    return CheckpointFile(
        file_name=file_name,
        url=f"{META_BASE_URL}/{folder}/{file_name}",
        sha256=sha256,
        byte_size=byte_size,
        licence="Apache-2.0",
        source=source,
    )


def _sam2(file_name: str, sha256: str, byte_size: int) -> CheckpointFile:
    source = "Meta AI, facebookresearch/sam2, trained on SA-1B and SA-V"
    return _meta(file_name, sha256, byte_size, folder="segment_anything_2/092824", source=source)


def _hq(file_name: str, sha256: str = "", byte_size: int = 0) -> CheckpointFile:
    return CheckpointFile(
        file_name=file_name,
        url=f"{HQ_BASE_URL}/{file_name}",
        sha256=sha256,
        byte_size=byte_size,
        licence="Apache-2.0",
        source="Ke et al., SysCV/sam-hq: SAM (ViT-tiny: MobileSAM) and a HQ token trained on HQSeg-44K",
    )


CHECKPOINTS: dict[str, CheckpointFile] = {
    "sam_vit_b": _meta(
        "sam_vit_b_01ec64.pth", "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912", 375_042_383
    ),
    "sam_vit_l": _meta(
        "sam_vit_l_0b3195.pth", "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622", 1_249_524_607
    ),
    "sam_vit_h": _meta(
        "sam_vit_h_4b8939.pth", "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e", 2_564_550_879
    ),
    "mobile_sam": CheckpointFile(
        file_name="mobile_sam.pt",
        url=f"https://raw.githubusercontent.com/ChaoningZhang/MobileSAM/{MOBILE_SAM_COMMIT}/weights/mobile_sam.pt",
        sha256="6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f",
        byte_size=40_728_226,
        licence="Apache-2.0",
        source="Zhang et al., ChaoningZhang/MobileSAM, distilled from ViT-H on 1 % of SA-1B",
    ),
    "sam_hq_vit_b": _hq("sam_hq_vit_b.pth"),
    "sam_hq_vit_l": _hq("sam_hq_vit_l.pth"),
    "sam_hq_vit_h": _hq(
        "sam_hq_vit_h.pth", "a7ac14a085326d9fa6199c8c698c4f0e7280afdbb974d2c4660ec60877b45e35", 2_570_940_653
    ),
    "sam_hq_vit_tiny": _hq("sam_hq_vit_tiny.pth", "0f32c075ccdd870ae54db2f7630e7a0878ede5a2b06d05d6fe02c65a82fb7196"),
    "sam2.1_hiera_tiny": _sam2(
        "sam2.1_hiera_tiny.pt", "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69", 156_008_466
    ),
    "sam2.1_hiera_small": _sam2(
        "sam2.1_hiera_small.pt", "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38", 184_416_285
    ),
    "sam2.1_hiera_base_plus": _sam2(
        "sam2.1_hiera_base_plus.pt", "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5", 323_606_802
    ),
    "sam2.1_hiera_large": _sam2(
        "sam2.1_hiera_large.pt", "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318", 898_083_611
    ),
}


def default_folder() -> Path:
    """Return where fetched weights are kept: $XDG_CACHE_HOME/maskwright/checkpoints."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "maskwright" / "checkpoints"


def checkpoint_file(name: str) -> CheckpointFile:
    """Look a model's weight file up; raises CheckpointError for a model that has none to fetch."""
    try:
        return CHECKPOINTS[name]
    except KeyError:
        raise CheckpointError(f"no weights to fetch for {name!r}; there are: {', '.join(CHECKPOINTS)}") from None


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
