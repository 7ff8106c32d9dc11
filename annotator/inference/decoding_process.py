"""What runs at the start of the decoding subprocess. Imports nothing of Django."""

import multiprocessing
import os
import threading


def end_with_parent() -> None:
    """End this process when the web process is gone, even when that was killed and could say nothing."""
    threading.Thread(target=_wait_for_parent, name="parent-watch", daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
