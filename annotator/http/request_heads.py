"""uvicorn's HTTP protocol with a time for the head of a request (its first line and headers).

uvicorn waits for ever for a head that never ends, so a few thousand silent connections would take every file number of
the process. Bodies have times of their own (body_limits.py). Named by uvicorn's option --http.
"""

import asyncio
from typing import Any

import h11
from django.conf import settings
from uvicorn.protocols.http.h11_impl import H11Protocol


class BoundedHeads(H11Protocol):
    """Closes a connection on which a head has not arrived whole within HEAD_SECONDS of its begin.

    A connection that says nothing at all counts from its opening; between requests uvicorn's keep-alive time counts.
    """

    head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._follow_head()

    def data_received(self, data: bytes) -> None:
        """Take what has arrived, and see whether a head is whole or still on its way."""
        super().data_received(data)
        self._follow_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_timer()
        super().connection_lost(exc)

    def _follow_head(self) -> None:
        """Keep the timer that runs while a head is on its way, however many bytes of it come."""
        if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
            self._stop_timer()
        elif self.head_timer is None:
            self.head_timer = self.loop.call_later(settings.HEAD_SECONDS, self._end_slow_head)

    def _stop_timer(self) -> None:
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None

    def _end_slow_head(self) -> None:
        self.head_timer = None
        if self.conn.their_state is h11.IDLE:
            self.timeout_keep_alive_handler()
