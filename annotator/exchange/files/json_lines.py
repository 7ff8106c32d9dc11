"""Write values as compact JSON that every reader takes, whatever people and programs left in a text or a number.

Must not know: formats, rows.
"""

import json
import math
import re
from collections.abc import Callable

_UNFIT = re.compile("[\0\ud800-\udfff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_NUL = b"\\u0000"
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def dump(value: object, on_mended: Callable[[], None] | None = None) -> bytes:
    """Return UTF-8 JSON on one line; the same value makes the same bytes.

    Half characters (lone surrogates) and NUL become U+FFFD, numbers that are not finite null; on_mended is called then.
    """
    try:
        data = _encode(value)
        if _NUL not in data:
            return data
    except ValueError:
        pass
    mended = _encode(_mended(value))
    if on_mended is not None:
        on_mended()
    return mended


def _encode(value: object) -> bytes:
    return _ENCODER.encode(value).encode()


def _mended(value: object) -> object:
    if isinstance(value, str):
        return mended_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(item) for item in value]
    return value


def mended_text(text: str) -> str:
    """Return the text with U+FFFD for what no UTF-8 file holds.

    >>> mended_text("a\\0b")
    'a\ufffdb'
    """
    return _UNFIT.sub(_REPLACEMENT, text)
