"""Weights of miniatures, drawn from their seed, as files, and a web server that has them."""

import hashlib
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from tests.sam_core.weight_server import Server

TINY_MODEL = "sam_tiny_test"
VERSION = "tiny-9"


@cache
def tiny_weights(name: str = TINY_MODEL, version: str = VERSION) -> bytes:
    """Return a weight file of a miniature, which calls itself `version`."""
    import torch

    from sam_core.registry import build_model

    file = io.BytesIO()
    torch.save({"model": build_model(name).state_dict(), "version": version}, file)
    return file.getvalue()


def digest_of(content: bytes) -> str:
    """Return the SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()


@contextmanager
def weight_server(content: bytes | None = None) -> Iterator[Server]:
    """Serve a weight file, by default the tiny model's."""
    with Server() as running:
        running.content = tiny_weights() if content is None else content
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()
