"""Whether this process was asked to end: long steps look here, because a signal alone does not reach them."""

import time

_asked: list[bool] = []  # no event: setting one inside a signal's handler may wait for a lock that its thread holds


def ask_to_stop() -> None:
    """Note that the process is to end; safe inside a signal's handler."""
    _asked.append(True)


def is_asked_to_stop(*, wait_seconds: float = 0.0) -> bool:
    """Say whether it is, after waiting that long."""
    time.sleep(wait_seconds)
    return bool(_asked)
