"""Fetching over real HTTP, with cut connections, wrong bytes and refusals; and the table of official files."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sam_core import fetching
from sam_core.checkpoints import CHECKPOINTS, CheckpointFile, checkpoint_file, default_folder
from sam_core.errors import CheckpointError
from sam_core.fetching import fetch, verify
from tests.sam_core.weight_server import CONTENT, Server


@pytest.fixture
def server() -> Iterator[Any]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def spec(server: Any) -> Any:
    return CheckpointFile(
        file_name="weights.pth",
        url=server.url,
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        byte_size=len(CONTENT),
        licence="Apache-2.0",
        source="a test",
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_fetch_downloads_verifies_and_tells_how_far_it_is(spec: Any, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = fetch(spec, tmp_path / "deep" / "folder", on_progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["weights.pth"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)


def test_a_cut_connection_is_continued_where_it_was_cut(server: Any, spec: Any, tmp_path: Path) -> None:
    server.cuts = [100_000, 50_000]
    assert fetch(spec, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=100000-", "bytes=150000-"]


def test_a_part_left_by_an_earlier_run_is_continued(server: Any, spec: Any, tmp_path: Path) -> None:
    (tmp_path / "weights.pth.part").write_bytes(CONTENT[:200_000])
    assert fetch(spec, tmp_path).read_bytes() == CONTENT
    assert server.ranges == ["bytes=200000-"]


def test_a_complete_part_needs_no_download(server: Any, spec: Any, tmp_path: Path) -> None:
    (tmp_path / "weights.pth.part").write_bytes(CONTENT)
    assert fetch(spec, tmp_path).read_bytes() == CONTENT
    assert server.ranges == []


def test_a_server_without_ranges_starts_again(server: Any, spec: Any, tmp_path: Path) -> None:
    server.has_ranges = False
    server.cuts = [100_000]
    assert fetch(spec, tmp_path).read_bytes() == CONTENT
    assert names(tmp_path) == ["weights.pth"]


def test_a_connection_that_never_gets_further_is_given_up_and_can_be_continued(
    server: Any, spec: Any, tmp_path: Path
) -> None:
    server.cuts = [70_000] + [0] * fetching.MAX_FRUITLESS_ATTEMPTS
    with pytest.raises(CheckpointError, match="stopped at byte 70,000 of 307,200"):
        fetch(spec, tmp_path)
    assert names(tmp_path) == ["weights.pth.part"]
    assert fetch(spec, tmp_path).read_bytes() == CONTENT
    assert server.ranges[-1] == "bytes=70000-"


def test_wrong_bytes_never_get_the_final_name(server: Any, spec: Any, tmp_path: Path) -> None:
    server.content = CONTENT[:-1] + b"!"
    with pytest.raises(CheckpointError, match="has SHA-256"):
        fetch(spec, tmp_path)
    assert names(tmp_path) == []
    server.content = CONTENT
    assert fetch(spec, tmp_path).read_bytes() == CONTENT


def test_a_longer_file_is_refused(server: Any, spec: Any, tmp_path: Path) -> None:
    server.content = CONTENT + b"more"
    with pytest.raises(CheckpointError, match=r"307,204 bytes; weights\.pth has 307,200"):
        fetch(spec, tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_is_passed_on_at_once(server: Any, spec: Any, tmp_path: Path, status: Any) -> None:
    server.statuses = [status]
    with pytest.raises(CheckpointError, match=f"HTTP {status}"):
        fetch(spec, tmp_path)
    assert len(server.ranges) == 1


def test_server_errors_are_tried_again(server: Any, spec: Any, tmp_path: Path) -> None:
    server.statuses = [503, 500]
    assert fetch(spec, tmp_path).read_bytes() == CONTENT


def test_an_unsatisfiable_range_starts_again(server: Any, spec: Any, tmp_path: Path) -> None:
    (tmp_path / "weights.pth.part").write_bytes(b"x" * 1000)
    server.statuses = [416]
    assert fetch(spec, tmp_path).read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-", None]


def test_nobody_listening_is_said_plainly(server: Any, spec: Any, tmp_path: Path) -> None:
    server.server_close()
    with pytest.raises(CheckpointError, match="stopped at byte 0"):
        fetch(spec, tmp_path)


def test_a_file_that_is_there_is_verified_and_kept(server: Any, spec: Any, tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(CONTENT)
    assert fetch(spec, tmp_path) == tmp_path / "weights.pth"
    (tmp_path / "weights.pth").write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(CheckpointError, match="SHA-256"):
        fetch(spec, tmp_path)
    assert server.ranges == []


def test_a_folder_that_cannot_be_made_is_said_plainly(spec: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match="could not write"):
        fetch(spec, tmp_path / "file" / "folder")


def test_only_addresses_on_the_web_are_opened(spec: Any, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    with pytest.raises(CheckpointError, match="not an address on the web"):
        fetch(replace(spec, url=secret.as_uri()), tmp_path / "target")


def test_verify_names_what_is_wrong(spec: Any, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    with pytest.raises(CheckpointError, match="is not there"):
        verify(spec, path)
    path.write_bytes(CONTENT[:10])
    with pytest.raises(CheckpointError, match="has 10 bytes"):
        verify(spec, path)
    path.write_bytes(CONTENT)
    verify(spec, path)


def test_nothing_is_fetched_that_could_not_be_verified(server: Any, spec: Any, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="download it yourself from http"):
        fetch(replace(spec, sha256=""), tmp_path)
    assert (server.ranges, names(tmp_path)) == ([], [])


def test_a_size_that_is_not_known_is_asked_for(spec: Any, tmp_path: Path) -> None:
    assert fetch(replace(spec, byte_size=0), tmp_path).read_bytes() == CONTENT


def test_a_checksum_alone_is_verified_and_without_one_nothing_is(spec: Any, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(CONTENT)
    verify(replace(spec, byte_size=0), path)
    with pytest.raises(CheckpointError, match=r"checksum of weights\.pth is not known"):
        verify(replace(spec, sha256=""), path)
    path.write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(CheckpointError, match="has SHA-256"):
        verify(replace(spec, byte_size=0), path)


OFFICIAL = {
    "sam_vit_b": (
        "sam_vit_b_01ec64.pth",
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
        375042383,
    ),
    "sam_vit_l": (
        "sam_vit_l_0b3195.pth",
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
        1249524607,
    ),
    "sam_vit_h": (
        "sam_vit_h_4b8939.pth",
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        2564550879,
    ),
    "mobile_sam": ("mobile_sam.pt", "6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f", 40728226),
    "sam_hq_vit_b": ("sam_hq_vit_b.pth", "", 0),
    "sam_hq_vit_l": ("sam_hq_vit_l.pth", "", 0),
    "sam_hq_vit_h": (
        "sam_hq_vit_h.pth",
        "a7ac14a085326d9fa6199c8c698c4f0e7280afdbb974d2c4660ec60877b45e35",
        2570940653,
    ),
    "sam_hq_vit_tiny": (
        "sam_hq_vit_tiny.pth",
        "0f32c075ccdd870ae54db2f7630e7a0878ede5a2b06d05d6fe02c65a82fb7196",
        0,
    ),
    "sam2.1_hiera_tiny": (
        "sam2.1_hiera_tiny.pt",
        "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69",
        156008466,
    ),
    "sam2.1_hiera_small": (
        "sam2.1_hiera_small.pt",
        "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38",
        184416285,
    ),
    "sam2.1_hiera_base_plus": (
        "sam2.1_hiera_base_plus.pt",
        "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5",
        323606802,
    ),
    "sam2.1_hiera_large": (
        "sam2.1_hiera_large.pt",
        "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318",
        898083611,
    ),
}


@pytest.mark.parametrize("name", OFFICIAL)
def test_table_of_official_files(name: str) -> None:
    file = checkpoint_file(name)
    assert (file.file_name, file.sha256, file.byte_size) == OFFICIAL[name]
    assert file.licence == "Apache-2.0"
    assert file.url.startswith("https://")
    assert file.url.endswith("/" + file.file_name)


def test_table_is_complete() -> None:
    assert set(CHECKPOINTS) == set(OFFICIAL)
    with pytest.raises(CheckpointError, match="no weights to fetch for 'sam_lite'"):
        checkpoint_file("sam_lite")


def test_weights_are_kept_in_the_user_s_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "maskwright" / "checkpoints"
