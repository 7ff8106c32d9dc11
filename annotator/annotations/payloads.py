"""What an operation carries: whether every database can store it, and a digest that tells two payloads apart."""

import hashlib
import json
import math

from django.utils.translation import gettext as _

from annotator.annotations.commands import Operation, OperationFields
from annotator.annotations.fields import OperationRejectedError

MAX_DEPTH = 64


def require_storable(fields: OperationFields) -> None:
    """Raise OperationRejectedError (`not_storable`) for what a text or JSON column cannot hold.

    That is NUL and lone surrogates in texts and names, NaN and the infinities, and nesting beyond MAX_DEPTH. SQLite
    and PostgreSQL refuse different ones of them, and only when the row is written.
    """
    waiting: list[tuple[object, int]] = [(fields, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, str):
            _require_text(value)
        elif isinstance(value, float) and not math.isfinite(value):
            raise OperationRejectedError("not_storable", _("NaN and infinite numbers cannot be stored."))
        elif isinstance(value, (dict, list)):
            if depth >= MAX_DEPTH:
                raise OperationRejectedError(
                    "not_storable", _("More than %(max_depth)s levels of nesting.") % {"max_depth": MAX_DEPTH}
                )
            parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value
            waiting.extend((part, depth + 1) for part in parts)


def _require_text(text: str) -> None:
    if "\0" in text:
        raise OperationRejectedError("not_storable", _("A text holds a NUL character."))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise OperationRejectedError("not_storable", _("A text holds half a character (a lone surrogate).")) from None


def digest_of(operation: Operation) -> str:
    """Return a digest of what the operation does: its type, its mask and its fields, whatever their order.

    The base revision stays out: a client may learn it between two tries of the same operation.
    """
    payload = {"type": operation.type, "annotation_id": operation.annotation_id, "fields": operation.fields}
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
