"""Sentences of the rooms that know no Django: found in their source, so that nobody has to mark them there.

Each text of three words or more in a function counts; an f-string becomes a text with places, {width} being %(width)s.
`stored.say` translates such a sentence where it is shown.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOMS = (
    "sam_core/fetching.py",
    "sam_core/pictures",
    "sam_core/masks/counts.py",
    "sam_core/masks/polygons.py",
    "sam_core/masks/rle.py",
    "sam_core/origins.py",
    "annotator/mask_gateway.py",
    "annotator/exchange/files/json_parts.py",
    "annotator/exchange/files/json_stream.py",
    "annotator/exchange/files/xml_stream.py",
    "annotator/exchange/formats/labelstudio/brush.py",
)
_LEAST_SPACES = 2


def find_sentences(root: Path) -> Iterator[tuple[str, str]]:
    """Yield (text, file) of every room."""
    for room in ROOMS:
        path = root / room
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            for text in read_sentences(file.read_text(encoding="utf-8")):
                yield text, file.relative_to(root).as_posix()


def read_sentences(source: str) -> Iterator[str]:
    """Yield the sentences of one module's functions, docstrings left out."""
    tree = ast.parse(source)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for function in functions:
        body = function.body[1:] if ast.get_docstring(function) is not None else function.body
        for statement in body:
            yield from _texts_in(statement)


def _texts_in(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return
    if isinstance(node, ast.JoinedStr | ast.Constant):
        text = _text_of(node)
        if text.count(" ") >= _LEAST_SPACES:
            yield text
        return
    for child in ast.iter_child_nodes(node):
        yield from _texts_in(child)


def _text_of(node: ast.JoinedStr | ast.Constant) -> str:
    if isinstance(node, ast.Constant):
        return node.value.replace("%", "%%") if isinstance(node.value, str) else ""
    names: list[str] = []
    parts = []
    for value in node.values:
        if isinstance(value, ast.FormattedValue):
            names.append(_name_of(value.value, names))
            parts.append(f"%({names[-1]})s")
        else:
            parts.append(_text_of(value) if isinstance(value, ast.Constant) else "")
    return "".join(parts)


def _name_of(node: ast.expr, taken: list[str]) -> str:
    """Return a name for a place: the variable's or the attribute's, with a number where it is taken."""
    name = {ast.Name: "id", ast.Attribute: "attr"}.get(type(node), "")
    base = str(getattr(node, name, "value")).lower() if name else "value"
    number = 2
    result = base
    while result in taken:
        result, number = f"{base}{number}", number + 1
    return result
