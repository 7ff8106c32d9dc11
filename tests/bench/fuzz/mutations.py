"""Ways to damage bytes, JSON and PNG. Everything is drawn from the Random given, so a number gives the input again.

Bytes alone rarely get past the first bracket, so JSON is also damaged as a tree, and PNG inside its checksums.
"""

import copy
import json
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

MAX_BYTES = 1 << 16
TOKENS = [
    b"NaN", b"-Infinity", b"1e400", b"-1", b"0", b"4294967296", b"9" * 40, b"null", b"true", b'"', b"\\", b"\\ud800",
    b"[", b"]", b"{", b"}", b",", b":", b"[" * 300, b'{"a":' * 300, b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n",
    b"\t", b" ", b"nan inf -inf", b"0.5 0.5 0.5", b"1e-320", b"../../x", b"=1+1", b"PPPP", b"~", b"0000", b"\xf0\x9f",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 17, 31, 2**31, 2**63, 10**19, -(10**18), 0.5, -0.0, 1e308, 5e-324, "", "a.jpg", "1",
    "\x00", "\ud800", "=cmd", "x" * 300, [], {}, [[]], [None], {"a": None}, [1, 2], [17, 31], [31, 17], [-17, -31],
    [100_000, 100_000], "PPPPPPPP", "~~~~", "0", [0, 527], [527], [10**18, 5], [1.5, 2], [[0, 0, 5, 0, 5, 5]],
]  # fmt: skip
PNG_HEAD = b"\x89PNG\r\n\x1a\n"


def damage_bytes(data: bytes, random: Random) -> bytes:
    """Return the bytes with one to six places damaged."""
    out = bytearray(data)
    for _ in range(random.randint(1, 6)):
        random.choice(_BYTE_WAYS)(out, random)
    return bytes(out[:MAX_BYTES])


def _flip(out: bytearray, random: Random) -> None:
    if out:
        out[random.randrange(len(out))] ^= 1 << random.randrange(8)


def _set(out: bytearray, random: Random) -> None:
    if out:
        out[random.randrange(len(out))] = random.choice((0, 255, 127, 128, 10, 32, random.randrange(256)))


def _insert_token(out: bytearray, random: Random) -> None:
    at = random.randint(0, len(out))
    out[at:at] = random.choice(TOKENS)


def _replace_by_token(out: bytearray, random: Random) -> None:
    at = random.randint(0, len(out))
    out[at : at + random.randint(1, 8)] = random.choice(TOKENS)


def _delete(out: bytearray, random: Random) -> None:
    at = random.randint(0, len(out))
    del out[at : at + random.randint(1, max(1, len(out) // 4))]


def _repeat(out: bytearray, random: Random) -> None:
    at = random.randint(0, len(out))
    piece = out[at : at + random.randint(1, 64)]
    out[at:at] = piece * random.randint(1, 20)


def _cut(out: bytearray, random: Random) -> None:
    del out[random.randint(0, len(out)) :]


_BYTE_WAYS: list[Callable[[bytearray, Random], None]] = [
    _flip, _flip, _set, _set, _insert_token, _replace_by_token, _replace_by_token, _delete, _repeat, _cut,
]  # fmt: skip


def damage_json(value: Any, random: Random) -> bytes:
    """Return the text of a tree with one to four places damaged; every third time the text is damaged, too."""
    value = copy.deepcopy(value)
    for _ in range(random.randint(1, 4)):
        holder, key = _place(value, random)
        if holder is None:
            value = random.choice(VALUES)
        elif random.random() < 0.7:
            holder[key] = copy.deepcopy(random.choice(VALUES))
        elif isinstance(holder, dict):
            holder[random.choice(["id", "image", "images", "size", "x"])] = holder.pop(key)
        else:
            holder.extend([copy.deepcopy(holder[key])] * random.randint(1, 3))
    data = json.dumps(value).encode()
    return damage_bytes(data, random) if random.random() < 0.33 else data


def _place(value: Any, random: Random) -> tuple[Any, Any]:
    """Return some list or object of the tree and a key in it; (None, None) for the tree itself."""
    holder, key = None, None
    while isinstance(value, list | dict) and value:
        holder = value
        key = random.choice(list(value)) if isinstance(value, dict) else random.randrange(len(value))
        value = holder[key]
        if random.random() < 0.25:
            break
    return holder, key


def damage_png(data: bytes, random: Random) -> bytes:
    """Return a PNG whose chunks are damaged inside, with checksums that fit; every fourth time the bytes are."""
    if random.random() < 0.25:
        return damage_bytes(data, random)
    chunks = list(_chunks(data))
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(chunks))
        kind, body = chunks[at]
        way = random.random()
        if kind == b"IDAT" and way < 0.5:
            body = zlib.compress(damage_bytes(zlib.decompress(body), random))
        elif way < 0.8:
            body = damage_bytes(body, random)
        else:
            kind = random.choice((b"IHDR", b"IDAT", b"PLTE", b"tRNS", b"IEND", b"iTXt", b"zTXt", b"eXIf", b"acTL"))
        chunks[at] = (kind, body)
        if kind == b"IDAT" and way >= 0.5:
            break  # what is damaged cannot be unpacked a second time
    return PNG_HEAD + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunks(data: bytes) -> Any:
    at = len(PNG_HEAD)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)
