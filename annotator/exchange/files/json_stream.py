"""Read large JSON that nobody vouches for: the items of top-level arrays, one at a time, in bounded memory.

A top-level object is walked key by key; what the caller calls an array is read item by item, anything else is read
whole. Every value must fit MAX_VALUE_CHARS and a depth that the parser bears, so neither 2 GB of brackets nor a string
of that length is ever held. NaN and Infinity, which Python's own json writes, come as such: whoever reads a row with
one refuses that row. Must not know: COCO, masks, rows.
"""

import codecs
import json
import re
from collections.abc import Collection, Iterator
from typing import IO, Any

MAX_VALUE_CHARS = 8 * 2**20
_READ_BYTES = 2**18
_LONGEST_WORD = 5000  # characters of the longest number that is read, or of a word such as -Infinity
_IN_NUMBERS = "+-.eE0123456789"
_SPACE = " \t\r\n"
_IN_TEXT = re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL)
_BETWEEN_BRACKETS = re.compile(r'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)


class BrokenJsonError(ValueError):
    """Text that is no JSON, is cut off, or holds a value larger than is read."""


_DECODER = json.JSONDecoder()


def read_object(file: IO[bytes], *, arrays: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Yield (key, value) of the top-level object; a key in `arrays` is yielded once an item, in file order.

    An array that is named but is none raises BrokenJsonError, as does everything else that is wrong.
    """
    text = JsonText(file)
    text.expect("{")
    if text.peek() == "}":
        text.skip()
    else:
        while True:
            key = text.value()
            if not isinstance(key, str):
                raise text.error("A key is no text")
            text.expect(":")
            if key in arrays:
                yield from ((key, item) for item in _items(text, key))
            else:
                yield key, text.value()
            if text.expect(",", "}") == "}":
                break
    if text.peek():
        raise text.error("Something follows after the end")


def _items(text: "JsonText", key: str) -> Iterator[Any]:
    if text.peek() != "[":
        raise text.error(f"{key} is no list")
    text.skip()
    if text.peek() == "]":
        text.skip()
        return
    while True:
        yield text.value()
        if text.expect(",", "]") == "]":
            return


class JsonText:
    """A window on the text that moves forward."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("strict")
        self._buffer, self._at, self._start = "", 0, 0
        self._is_end = False

    def error(self, what: str) -> BrokenJsonError:
        """Return an error that says where."""
        return BrokenJsonError(f"{what} (near character {self._start + self._at}).")

    def peek(self) -> str:
        """Return the next character that is no space, or nothing at the end."""
        while True:
            buffer, at = self._buffer, self._at
            while at < len(buffer) and buffer[at] in _SPACE:
                at += 1
            self._at = at
            if at < len(buffer):
                return buffer[at]
            if not self._read(_READ_BYTES):
                return ""

    def skip(self) -> None:
        """Go past one character."""
        self._at += 1

    def next_bracket(self) -> str:
        """Go past the next bracket that stands in no text, and return it; what comes before is dropped."""
        while True:
            self._at = _BETWEEN_BRACKETS.match(self._buffer, self._at).end()  # type: ignore[union-attr]  # "" matches
            if self._at == len(self._buffer):
                self._need_more()
                continue
            self._at += 1
            found = self._buffer[self._at - 1]
            if found != '"':
                return found
            self.skip_text()  # one that the window cuts off

    def skip_text(self) -> None:
        """Go past the rest of a text and the mark that ends it."""
        while True:
            self._at = _IN_TEXT.match(self._buffer, self._at).end()  # type: ignore[union-attr]  # "" matches
            if self._buffer.startswith('"', self._at):
                self._at += 1
                return
            self._need_more()

    def _need_more(self) -> None:
        if not self._read(_READ_BYTES):
            raise self.error("The file is cut off: it ends where more should come")

    def expect(self, *wanted: str) -> str:
        """Go past one of the wanted characters and return it."""
        found = self.peek()
        if not found:
            raise self.error("The file is cut off: it ends where more should come")
        if found not in wanted:
            raise self.error(f"{' or '.join(wanted)} was expected, {found} was found")
        self._at += 1
        return found

    def value(self) -> Any:
        """Read one whole value."""
        self.peek()
        more = _READ_BYTES
        while True:
            try:
                value, end = _DECODER.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                if self._is_broken(error) or not self._read(more):
                    raise self.error(f"Broken JSON: {error.msg}") from error
            except RecursionError as error:
                raise self.error("The JSON is nested too deeply") from error
            except ValueError as error:  # a number of thousands of digits
                raise self.error("A number is too long") from error
            else:
                if not self._may_go_on(value, end) or not self._read(more):
                    self._at = end
                    return value
            if len(self._buffer) - self._at > MAX_VALUE_CHARS:
                raise self.error(f"One value is longer than {MAX_VALUE_CHARS >> 20} million characters")
            more *= 2  # so that a long value is not parsed again for each small piece

    def _may_go_on(self, value: object, end: int) -> bool:
        """Say whether more text could change the value: only numbers have no end of their own."""
        if not isinstance(value, int | float):
            return False
        return end == len(self._buffer) or (end + 3 > len(self._buffer) and self._buffer[end] in _IN_NUMBERS)

    def _is_broken(self, error: json.JSONDecodeError) -> bool:
        """Say whether no further text could mend it: a token is cut off only near the end of the window."""
        return error.pos < len(self._buffer) - _LONGEST_WORD and not error.msg.startswith("Unterminated string")

    def _read(self, count: int) -> bool:
        if self._is_end:
            return False
        self._start += self._at
        self._buffer, self._at = self._buffer[self._at :], 0
        try:
            while True:
                data = self._file.read(count)
                self._is_end = not data
                piece = self._decoder.decode(data, final=self._is_end)
                self._buffer += piece
                if piece or self._is_end:
                    return bool(piece)
        except UnicodeDecodeError as error:
            raise self.error("The text is not UTF-8") from error
