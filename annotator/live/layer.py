"""A channel layer for one machine that reaches across processes without another service (docs/adr/0002).

Each process that has open WebSockets listens on a Unix datagram socket in a private folder; sending to a group
sends one datagram to every socket there. Hints may be lost, and nothing depends on them. Knows nothing of projects.
"""

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import socket
import tempfile
import uuid
from pathlib import Path
from typing import Any

from channels.layers import InMemoryChannelLayer
from django.conf import settings

logger = logging.getLogger(__name__)
MAX_DATAGRAM_BYTES = 60_000


def socket_folder() -> Path:
    """Return the folder of this data directory's sockets; short, as socket paths may have 104 bytes at most."""
    digest = hashlib.sha256(str(settings.DATA_DIR).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"maskwright-{os.getuid()}-{digest}"


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    facts = folder.lstat()
    if facts.st_uid != os.getuid() or folder.is_symlink():
        raise PermissionError(f"{folder} belongs to somebody else")
    folder.chmod(0o700)


def send_datagram(payload: bytes) -> int:
    """Send to every listening process and return how many got it; sockets of dead processes are removed."""
    reached = 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        for target in socket_folder().glob("*.sock"):
            try:
                sender.sendto(payload, str(target))
                reached += 1
            except ConnectionRefusedError:
                target.unlink(missing_ok=True)
            except OSError:
                logger.debug("hint not delivered", extra={"socket": target.name})
    return reached


class _Receiver(asyncio.DatagramProtocol):
    def __init__(self, layer: "SocketChannelLayer") -> None:
        self.layer = layer
        self.pending: set[asyncio.Task[None]] = set()

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Hand the message to the local members of its group."""
        try:
            envelope = json.loads(data)
            delivery = self.layer.deliver(envelope["group"], envelope["message"])
        except (ValueError, KeyError, TypeError):
            logger.warning("a malformed hint was dropped")
            return
        task = asyncio.get_running_loop().create_task(delivery)
        self.pending.add(task)
        task.add_done_callback(self.pending.discard)


class SocketChannelLayer(InMemoryChannelLayer):
    """In-memory groups, fed by a socket. The socket opens with the first group member and closes with the loop."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._listening: dict[asyncio.AbstractEventLoop, tuple[asyncio.DatagramTransport, Path]] = {}

    async def group_add(self, group: str, channel: str) -> None:
        """Add a channel to a group, listening from now on."""
        await self._listen()
        await super().group_add(group, channel)

    async def group_send(self, group: str, message: dict[str, object]) -> None:
        """Send to the group's members in all processes, this one included."""
        self.require_valid_group_name(group)
        payload = json.dumps({"group": group, "message": message}).encode()
        if len(payload) > MAX_DATAGRAM_BYTES:
            raise ValueError("a hint may have 60 kB at most")
        send_datagram(payload)

    async def deliver(self, group: str, message: dict[str, object]) -> None:
        """Send to the group's members in this process."""
        await super().group_send(group, message)

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        if loop in self._listening:
            return
        folder = socket_folder()
        _make_private(folder)
        path = folder / f"{os.getpid()}-{uuid.uuid4().hex[:8]}.sock"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.setblocking(False)
        listener.bind(str(path))
        transport, _ = await loop.create_datagram_endpoint(lambda: _Receiver(self), sock=listener)
        self._listening[loop] = (transport, path)

    async def close(self) -> None:
        """Stop listening on this event loop."""
        entry = self._listening.pop(asyncio.get_running_loop(), None)
        if entry:
            entry[0].close()
            with contextlib.suppress(OSError):
                entry[1].unlink()
