"""Get weight files from the web and verify them.

Must not know: torch or the model. A file gets its final name only after its checksum has been seen to be right.
"""

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from sam_core.checkpoints import CheckpointFile, sha256_of
from sam_core.errors import CheckpointError, DownloadError
from sam_core.weight_files import describe_head

OnProgress = Callable[[int, int], None]

BLOCK_BYTES = 1024 * 1024
# How often a download may be cut without one new byte before fetch gives up.
MAX_FRUITLESS_ATTEMPTS = 5
_CUT = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)
TIMEOUT_SECONDS = 30.0


def ask_size(url: str) -> int:
    """Return how many bytes a file on the web has; raise CheckpointError when its server does not say."""
    request = urllib.request.Request(_web_address(url), method="HEAD")  # noqa: S310 - the scheme was checked
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
            return int(response.headers["Content-Length"])
    except urllib.error.HTTPError as error:
        error.close()
        raise DownloadError(f"{url} answered HTTP {error.code} {error.reason}") from error
    except (*_CUT, TypeError, ValueError) as error:
        raise DownloadError(f"{url} does not say how large its file is: {error}") from error


def verify(spec: CheckpointFile, path: Path) -> None:
    """Raise CheckpointError unless the file is there, has the right size and the right checksum."""
    if not path.is_file():
        raise CheckpointError(f"{path} is not there")
    if not spec.sha256:
        raise CheckpointError(f"{path} cannot be verified: the checksum of {spec.file_name} is not known here")
    byte_size = path.stat().st_size
    if spec.byte_size not in (0, byte_size):
        raise CheckpointError(f"{path} has {byte_size:,} bytes; {spec.file_name} has {spec.byte_size:,}")
    digest = sha256_of(path)
    if digest != spec.sha256:
        raise CheckpointError(f"{path} has SHA-256 {digest}; {spec.file_name} has {spec.sha256}")


def fetch(spec: CheckpointFile, folder: Path, *, on_progress: OnProgress | None = None) -> Path:
    """Download a weight file into folder and return its path; does nothing when it is there and right.

    Bytes gather in `NAME.part`, which the next call continues. The final name appears only after verification.
    Raises CheckpointError for a file that is not pinned, and when the server refuses, keeps cutting the connection, or
    sends something else.
    """
    if not spec.is_pinned:
        raise CheckpointError(
            f"the checksum of {spec.file_name} is not known here, so it is not fetched; download it yourself from "
            f"{spec.url} and give its path with --checkpoint"
        )
    target = folder / spec.file_name
    if target.is_file():
        verify(spec, target)
        return target
    if not spec.byte_size:
        spec = replace(spec, byte_size=ask_size(spec.url))
    part = folder / f"{spec.file_name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _download(spec, part, on_progress)
        _verify_part(spec, part)
        part.replace(target)
    except OSError as error:
        raise CheckpointError(f"could not write {target}: {error}") from error
    return target


def _verify_part(spec: CheckpointFile, part: Path) -> None:
    try:
        verify(spec, part)
    except CheckpointError:
        part.unlink()  # continuing a wrong file could never succeed
        raise


def _web_address(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise CheckpointError(f"{url} is not an address on the web")
    return url


def _download(spec: CheckpointFile, part: Path, on_progress: OnProgress | None) -> None:
    fruitless, reason = 0, ""
    while (had := _size(part)) < spec.byte_size:
        if fruitless == MAX_FRUITLESS_ATTEMPTS:
            place = f"byte {had:,} of {spec.byte_size:,}"
            raise DownloadError(f"{spec.url} stopped at {place} {fruitless} times: {reason}")
        try:
            _continue_download(spec, part, on_progress)
            reason = "the connection was closed early"
        except urllib.error.HTTPError as error:
            _explain_http_error(spec, part, error)
            reason = f"HTTP {error.code}"
        except _CUT as error:
            reason = str(error) or type(error).__name__
        fruitless = 0 if _size(part) > had else fruitless + 1


def _explain_http_error(spec: CheckpointFile, part: Path, error: urllib.error.HTTPError) -> None:
    """Raise for an answer that another attempt would not change; 416 and server errors are worth one."""
    error.close()
    if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        part.unlink(missing_ok=True)
    elif error.code < http.HTTPStatus.INTERNAL_SERVER_ERROR:
        raise DownloadError(f"{spec.url} answered HTTP {error.code} {error.reason}") from error


def _continue_download(spec: CheckpointFile, part: Path, on_progress: OnProgress | None) -> None:
    offset = _size(part)
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    request = urllib.request.Request(_web_address(spec.url), headers=headers)  # noqa: S310 - the scheme was checked
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
        is_resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
        with part.open("ab" if is_resumed else "wb") as stream:
            _copy(response, stream, limit=spec.byte_size, on_progress=on_progress)
    if offset == 0 or not is_resumed:
        _refuse_page(spec, part)


def _refuse_page(spec: CheckpointFile, part: Path) -> None:
    """Raise when the file begins as a page does: asking for the rest of a page leads nowhere."""
    with part.open("rb") as file:
        what = describe_head(file.read(512))
    if what:
        part.unlink()
        raise CheckpointError(f"{spec.url} answered with {what}; give the address of the weight file itself")


def _copy(response: http.client.HTTPResponse, stream: BinaryIO, *, limit: int, on_progress: OnProgress | None) -> None:
    """Append blocks as they come; one byte more than expected is kept, so that verifying sees the difference."""
    done = stream.tell()
    while done <= limit and (block := response.read1(BLOCK_BYTES)):
        stream.write(block)
        stream.flush()
        done += len(block)
        if on_progress is not None:
            on_progress(min(done, limit), limit)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
