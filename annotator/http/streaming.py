"""Send an open file, or parts as they are made, without holding them in memory.

Under ASGI and under the synchronous test client alike.
"""

from collections.abc import AsyncIterator, Iterator
from typing import IO, Any, Self

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

CHUNK_BYTES = 256 * 1024


class FileChunks:
    """Chunks of an open file, which is closed at its end or with the answer."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if self.file.closed or not (chunk := self.file.read(CHUNK_BYTES)):
            self.close()
            raise StopIteration
        return chunk

    def close(self) -> None:
        """Close the file; Django calls this when the reader goes away."""
        self.file.close()


class AsyncFileChunks:
    """The same for an event loop: reading happens in a thread."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self.file.closed or not (chunk := await sync_to_async(self.file.read, thread_sensitive=False)(CHUNK_BYTES)):
            self.close()
            raise StopAsyncIteration
        return chunk

    def close(self) -> None:
        """Close the file; Django calls this when the reader goes away."""
        self.file.close()


def stream_file(request: HttpRequest, file: IO[bytes], *, content_type: str | None = None) -> StreamingHttpResponse:
    """Return an answer that reads `file` to its end and closes it, also when the reader goes away."""
    chunks: Any = AsyncFileChunks(file) if isinstance(request, ASGIRequest) else FileChunks(file)
    return StreamingHttpResponse(chunks, content_type=content_type)


def stream_parts(request: HttpRequest, parts: Iterator[bytes], *, content_type: str) -> StreamingHttpResponse:
    """Return an answer that sends parts as they are made; they may read the database, in the request's own thread."""
    chunks: Any = _parts_of(parts) if isinstance(request, ASGIRequest) else _joined(parts)
    return StreamingHttpResponse(chunks, content_type=content_type)


async def _parts_of(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    chunks = _joined(parts)
    while chunk := await sync_to_async(lambda: next(chunks, b""))():
        yield chunk


def _joined(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the parts in chunks that are worth a change of threads."""
    waiting: list[bytes] = []
    size = 0
    for part in parts:
        waiting.append(part)
        size += len(part)
        if size >= CHUNK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)
