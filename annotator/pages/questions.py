"""The questions that a label asks about each of its masks, as lines that people write: `Pose*: sitting, standing`.

A line is a name, a star where an answer is required, a colon, and `flag`, `number`, `text` or the choices. Knows
nothing of forms or the database; the API's schema (projects/schemas.py) says what a question may be.
"""

from typing import Any

from pydantic import ValidationError

from annotator.projects.schemas import LabelAttribute

PLAIN_KINDS = ("flag", "number", "text")
MOST_QUESTIONS = 50


class QuestionError(ValueError):
    """A line that is no question; the message says which and why."""


def read_questions(text: str) -> list[dict[str, Any]]:
    """Return the questions of a text, one a line; raise QuestionError for a line that is none."""
    questions = [_read_line(line.strip()) for line in text.splitlines() if line.strip()]
    names = [question["name"] for question in questions]
    for name in names:
        if names.count(name) > 1:
            raise QuestionError(f"“{name}” is asked twice.")
    if len(questions) > MOST_QUESTIONS:
        raise QuestionError(f"A label asks {MOST_QUESTIONS} questions at most.")
    return questions


def write_questions(questions: list[dict[str, Any]]) -> str:
    """Return questions as lines that `read_questions` reads."""
    return "\n".join(_write_line(question) for question in questions)


def _read_line(line: str) -> dict[str, Any]:
    name, colon, rest = line.partition(":")
    name, rest = name.strip(), rest.strip()
    if not colon or not name.rstrip("*") or not rest:
        raise QuestionError(f"“{line}” is no question: write a name, a colon and flag, number, text or choices.")
    is_plain = rest.lower() in PLAIN_KINDS
    choices = [] if is_plain else list(dict.fromkeys(part.strip() for part in rest.split(",") if part.strip()))
    if not is_plain and len(choices) < 2:
        raise QuestionError(f"“{line}” needs two choices or more, or flag, number or text.")
    fields = {
        "name": name.rstrip("*").strip(),
        "kind": rest.lower() if is_plain else "choice",
        "choices": choices,
        "is_required": name.endswith("*"),
    }
    try:
        return LabelAttribute.model_validate(fields).dict()
    except ValidationError as error:
        raise QuestionError(f"“{line[:40]}” is too long: a name has 100 characters at most.") from error


def _write_line(question: dict[str, Any]) -> str:
    star = "*" if question.get("is_required") else ""
    kind = question.get("kind", "text")
    return f"{question['name']}{star}: {', '.join(question['choices']) if kind == 'choice' else kind}"
