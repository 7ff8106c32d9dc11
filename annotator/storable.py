"""Which values every database of ours can hold, said once for the whole edge. Knows nothing of requests or rows.

SQLite and PostgreSQL refuse different ones, and only when the row is written: by then a whole batch is lost.
"""

import math
from typing import Any

MAX_DEPTH = 64
MAX_DIGITS = 64


def why_unstorable(value: Any) -> str:
    """Return why a text or JSON column cannot hold the value, as a sentence; "" when it can.

    Refused are NUL and lone surrogates in texts and names, NaN and the infinities, whole numbers of more than
    MAX_DIGITS digits, and nesting beyond MAX_DEPTH.
    """
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting:
        part, depth = waiting.pop()
        if depth > MAX_DEPTH:
            return f"It is nested more than {MAX_DEPTH} levels deep."
        if reason := _why_plain_unstorable(part):
            return reason
        if isinstance(part, dict):
            waiting.extend((name, depth) for name in part)
            waiting.extend((inner, depth + 1) for inner in part.values())
        elif isinstance(part, (list, tuple)):
            waiting.extend((inner, depth + 1) for inner in part)
    return ""


def why_text_unstorable(text: str) -> str:
    """Return why a text column cannot hold the text; "" when it can."""
    if "\0" in text:
        return "A text holds a NUL character."
    try:
        text.encode()
    except UnicodeEncodeError:
        return "A text holds half a character (a lone surrogate)."
    return ""


def _why_plain_unstorable(value: Any) -> str:
    if isinstance(value, str):
        return why_text_unstorable(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN and infinite numbers cannot be stored."
    if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
        return f"A number has more than {MAX_DIGITS} digits."
    return ""
