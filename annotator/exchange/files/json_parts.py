"""Walk JSON of any depth and take only the parts that are asked for; the rest is passed over and never held.

A part is named by its path, "*" for the items of a list: ("*", "annotations", "*", "result", "*"). Must not know:
formats.
"""

from collections.abc import Collection, Iterator
from typing import IO, Any

from annotator.exchange.files.json_stream import JsonText

Path = tuple[str, ...]
END: Any = object()  # the value that comes with the path of a container when all of it has been read
_MAX_DEPTH = 200


def read_parts(
    file: IO[bytes], *, enter: Collection[Path], take: Collection[Path], notice: Collection[Path] = ()
) -> Iterator[tuple[Path, Any]]:
    """Yield (path, value) for what lies at a path of `take`, and (path, END) after each container of `enter`.

    Of what lies at a path of `notice`, of any length, only whether it holds anything. What is entered and is no
    container is passed over. Raises BrokenJsonError, also for what follows after the end.
    """
    text = JsonText(file)
    yield from _walk(text, (), frozenset(enter), frozenset(take), frozenset(notice))
    if text.peek():
        raise text.error("Something follows after the end")


def top_level_keys(file: IO[bytes], *, of_first_item: bool = False) -> Iterator[str]:
    """Yield the keys of the top-level object, or of the first object of a top-level list, whatever their values hold.

    Yields nothing for anything else; raises BrokenJsonError where it breaks off. Values are passed over, so whoever
    knows enough stops.
    """
    text = JsonText(file)
    if of_first_item and text.peek() == "[":
        text.skip()
    elif of_first_item:
        return
    if text.peek() != "{":
        return
    text.skip()
    while text.peek() == '"':
        yield text.value()
        text.expect(":")
        _pass_over(text)
        if text.expect(",", "}") == "}":
            return


def _walk(
    text: JsonText, path: Path, enter: frozenset[Path], take: frozenset[Path], notice: frozenset[Path]
) -> Iterator[tuple[Path, Any]]:
    opening = text.peek()
    if path in take:
        yield path, text.value()
        return
    if path in notice:
        yield path, _pass_over(text)
        return
    if path not in enter or opening not in ("{", "["):
        _pass_over(text)
        return
    closing = "}" if opening == "{" else "]"
    text.skip()
    if text.peek() == closing:
        text.skip()
    else:
        while True:
            yield from _walk(text, (*path, _step(text, opening)), enter, take, notice)
            if text.expect(",", closing) == closing:
                break
    yield path, END


def _step(text: JsonText, opening: str) -> str:
    """Return the key that comes, or "*" in a list."""
    if opening == "[":
        return "*"
    key = text.value() if text.peek() == '"' else None
    if not isinstance(key, str):
        raise text.error("A key is no text")
    text.expect(":")
    return key


def _pass_over(text: JsonText) -> bool:
    """Go past one value of any length; say whether it holds anything: no null, no empty text."""
    first = text.peek()
    if first == '"':
        text.skip()
        is_empty = text.peek() == '"'
        text.skip_text()
        return not is_empty
    if first not in ("[", "{"):
        return bool(text.value())
    depth = 0
    while True:
        depth += 1 if text.next_bracket() in "[{" else -1
        if depth > _MAX_DEPTH:
            raise text.error("The JSON is nested too deeply")
        if depth == 0:
            return True
