"""Answer a download in parts: one byte range, so that a broken download goes on where it was (RFC 9110, 14).

Several ranges in one request are answered with the whole file, as the standard allows. Knows nothing of rights.
"""

import re
from typing import IO, Any, cast

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from annotator.http.streaming import stream_file

_RANGE = re.compile(r"^bytes=(\d*)-(\d*)$")


def send_ranges(
    request: HttpRequest, file: IO[bytes], *, size: int, etag: str, content_type: str
) -> StreamingHttpResponse | HttpResponse:
    """Return the whole file, or the one part that was asked for (206), or 416."""
    quoted = f'"{etag}"'
    wanted = _wanted(request, quoted, size)
    if wanted is None:
        answer: Any = stream_file(request, file, content_type=content_type)
        answer["Content-Length"] = str(size)
    elif wanted[0] >= wanted[1]:
        file.close()
        answer = HttpResponse(status=416)
        answer["Content-Range"] = f"bytes */{size}"
    else:
        start, stop = wanted
        file.seek(start)
        answer = stream_file(request, cast("IO[bytes]", _Part(file, stop - start)), content_type=content_type)
        answer.status_code = 206
        answer["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        answer["Content-Length"] = str(stop - start)
    answer["Accept-Ranges"] = "bytes"
    answer["ETag"] = quoted
    return cast("StreamingHttpResponse | HttpResponse", answer)


def _wanted(request: HttpRequest, etag: str, size: int) -> tuple[int, int] | None:
    """Return the half-open range wanted; an empty one cannot be had; None stands for the whole file."""
    match = _RANGE.match(request.headers.get("Range", ""))
    if match is None or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = match.groups()
    if not first and not last:
        return None
    if len(first) > 18 or len(last) > 18:
        return 0, 0
    if not first:
        return max(size - int(last), 0), size if int(last) else 0
    return int(first), min(int(last) + 1, size) if last else size


class _Part:
    """The next `left` bytes of an open file."""

    def __init__(self, file: IO[bytes], left: int) -> None:
        self._file, self._left = file, left

    @property
    def closed(self) -> bool:
        return self._file.closed

    def read(self, count: int = -1) -> bytes:
        data = self._file.read(self._left if count < 0 else min(count, self._left))
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._file.close()
