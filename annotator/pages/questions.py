"""The questions that a label asks about each of its masks, as lines that people write: `Pose*: sitting, standing`.

A line is a name, a star where an answer is required, a colon, and `flag`, `number`, `text` or the choices. Knows
nothing of forms or the database; the API's schema (projects/schemas.py) says what a question may be.
"""

from django.utils.translation import gettext as _
from pydantic import ValidationError

from annotator.projects.commands import LabelQuestion
from annotator.projects.models import MAX_LABEL_LENGTH
from annotator.projects.schemas import LabelAttribute

PLAIN_KINDS = ("flag", "number", "text")
MOST_QUESTIONS = 50


class QuestionError(ValueError):
    """A line that is no question; the message says which and why."""


def read_questions(text: str) -> list[LabelQuestion]:
    """Return the questions of a text, one a line; raise QuestionError for a line that is none."""
    questions = [_read_line(line.strip()) for line in text.splitlines() if line.strip()]
    names = [question["name"] for question in questions]
    for name in names:
        if names.count(name) > 1:
            raise QuestionError(_("“%(name)s” is asked twice.") % {"name": name})
    if len(questions) > MOST_QUESTIONS:
        raise QuestionError(_("A label asks %(n)s questions at most.") % {"n": MOST_QUESTIONS})
    return questions


def write_questions(questions: list[LabelQuestion]) -> str:
    """Return questions as lines that `read_questions` reads."""
    return "\n".join(_write_line(question) for question in questions)


def _read_line(line: str) -> LabelQuestion:
    name, colon, rest = line.partition(":")
    name, rest = name.strip(), rest.strip()
    if not colon or not name.rstrip("*") or not rest:
        sentence = _("“%(line)s” is no question: write a name, a colon and flag, number, text or choices.")
        raise QuestionError(sentence % {"line": line})
    is_plain = rest.lower() in PLAIN_KINDS
    choices = [] if is_plain else list(dict.fromkeys(part.strip() for part in rest.split(",") if part.strip()))
    if not is_plain and len(choices) < 2:
        raise QuestionError(_("“%(line)s” needs two choices or more, or flag, number or text.") % {"line": line})
    fields = {
        "name": name.rstrip("*").strip(),
        "kind": rest.lower() if is_plain else "choice",
        "choices": choices,
        "is_required": name.endswith("*"),
    }
    try:
        return LabelAttribute.model_validate(fields).question()
    except ValidationError as error:
        sentence = _("“%(line)s” is too long: a name has %(most)s characters at most.")
        raise QuestionError(sentence % {"line": line[:40], "most": MAX_LABEL_LENGTH}) from error


def _write_line(question: LabelQuestion) -> str:
    star = "*" if question.get("is_required") else ""
    kind = question.get("kind", "text")
    return f"{question['name']}{star}: {', '.join(question['choices']) if kind == 'choice' else kind}"
