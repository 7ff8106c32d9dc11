"""Read XML that nobody vouches for, element by element, in bounded memory; write it safely.

A document type is refused, and with it every entity: no bombs, no files from elsewhere. What an element may hold, how
deep it may be and how long one tag may be is bounded. Must not know: formats.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import IO, Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from annotator.exchange.files.json_lines import mended_text

MAX_ELEMENT_CHARS = 64 * 2**20
MAX_TAG_BYTES = 16 * 2**20
_MAX_DEPTH = 100
_READ_BYTES = 2**16
_UNFIT = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class BrokenXmlError(ValueError):
    """Text that is no XML, is cut off, or holds what is never read."""


@dataclass(slots=True)
class XmlElement:
    """An element with all that it holds."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    children: "list[XmlElement]" = field(default_factory=list)

    def find(self, tag: str) -> "XmlElement | None":
        """Return the first child with this tag."""
        return next((child for child in self.children if child.tag == tag), None)

    def text_at(self, *tags: str) -> str:
        """Return the text at the end of a path of tags, without spaces around it; "" where there is none."""
        element: XmlElement | None = self
        for tag in tags:
            element = element.find(tag) if element is not None else None
        return element.text.strip() if element is not None else ""


def read_elements(file: IO[bytes], wanted: Collection[str]) -> Iterator[XmlElement]:
    """Yield the elements with these tags, in file order, each when it is complete; those inside one come with it."""
    collector = _Collector(frozenset(wanted))
    while chunk := file.read(_READ_BYTES):
        collector.feed(chunk)
        yield from collector.take()
    collector.finish()
    yield from collector.take()


class _Collector:
    """Builds elements out of what expat reports."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self._wanted = wanted
        self._open: list[XmlElement] = []  # the wanted element and those inside it that are not closed
        self._done: list[XmlElement] = []
        self._depth, self._chars, self._silent_bytes = 0, 0, 0
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._refuse

    def feed(self, data: bytes) -> None:
        """Take a piece of the file."""
        self._silent_bytes += len(data)
        self._parse(data, is_final=False)
        if self._silent_bytes > MAX_TAG_BYTES:
            raise BrokenXmlError(f"A tag of the XML is longer than {MAX_TAG_BYTES >> 20} MB.")

    def finish(self) -> None:
        """Say that the file has ended."""
        self._parse(b"", is_final=True)

    def take(self) -> list[XmlElement]:
        """Return the elements completed since the last call."""
        done, self._done = self._done, []
        return done

    def _parse(self, data: bytes, *, is_final: bool) -> None:
        try:
            self._parser.Parse(data, is_final)
        except expat.ExpatError as error:
            raise BrokenXmlError(f"Broken XML: {error}.") from error
        except (ValueError, LookupError) as error:
            if isinstance(error, BrokenXmlError):
                raise
            raise BrokenXmlError(f"Broken XML: {error}.") from error

    def _refuse(self, *_: Any) -> None:
        raise BrokenXmlError("The XML declares a document type; such files are not read.")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._silent_bytes = 0
        if self._depth > _MAX_DEPTH:
            raise BrokenXmlError("The XML is nested too deeply.")
        if not self._open and tag not in self._wanted:
            return
        self._count(len(tag) + 50 + sum(len(name) + len(value) for name, value in attributes.items()))
        element = XmlElement(tag, attributes)
        if self._open:
            self._open[-1].children.append(element)
        self._open.append(element)

    def _end(self, _tag: str) -> None:
        self._depth -= 1
        self._silent_bytes = 0
        if self._open:
            element = self._open.pop()
            if not self._open:
                self._done.append(element)
                self._chars = 0

    def _text(self, text: str) -> None:
        self._silent_bytes = 0
        if self._open:
            self._count(len(text))
            self._open[-1].text += text

    def _count(self, chars: int) -> None:
        self._chars += chars
        if self._chars > MAX_ELEMENT_CHARS:
            raise BrokenXmlError(f"One element of the XML is longer than {MAX_ELEMENT_CHARS >> 20} million characters.")


def tag(name: str, /, *, text: str | None = None, close: bool = True, **attributes: Any) -> str:
    """Return one element as text; text None and close make an empty one, without close only its start is given."""
    start = f"<{name}" + "".join(f" {key}={quoteattr(xml_text(value))}" for key, value in attributes.items())
    if text is not None:
        return f"{start}>{escape(xml_text(text))}</{name}>"
    return f"{start}/>" if close else f"{start}>"


def xml_text(value: object) -> str:
    """Return a value as text that XML can hold: control characters become U+FFFD."""
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", mended_text(str(value)))
