"""One file for the large constants of several ONNX graphs (external data), each distinct array once.

Must not know: what the graphs compute.
"""

from __future__ import annotations

import hashlib

from onnx import TensorProto

EXTERNAL_BYTES = 4096  # smaller constants stay inside their graph
ALIGNMENT = 64


class WeightFile:
    """The bytes of all large constants, each distinct array once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._chunks: list[bytes] = []
        self._offsets: dict[str, int] = {}
        self._end = 0

    def place(self, data: bytes) -> int:
        """Return the offset of data in the file, appending it when it is new; aligned to 64 bytes."""
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self._offsets:
            self._offsets[digest] = self._end
            padding = -len(data) % ALIGNMENT
            self._chunks.append(data + bytes(padding))
            self._end += len(data) + padding
        return self._offsets[digest]

    def take(self, tensor: TensorProto) -> None:
        """Move a tensor's raw data into the file where it is large. In place."""
        data = tensor.raw_data
        if len(data) < EXTERNAL_BYTES:
            return
        entries = {"location": self.name, "offset": self.place(data), "length": len(data)}
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=str(value))

    def to_bytes(self) -> bytes:
        """Return the whole file."""
        return b"".join(self._chunks)
