"""Types of the JSON that comes in and goes out, for requests, answers and JSON columns alike. Knows no room."""

from django.db.models import TextChoices
from pydantic import WithJsonSchema

JsonObject = dict[str, object]


def one_of(choices: type[TextChoices] | tuple[str, ...]) -> WithJsonSchema:
    """Describe a text as one of a field's choices, for `Annotated[str, one_of(Source)]`; rows are not checked again."""
    values = choices if isinstance(choices, tuple) else choices.values
    return WithJsonSchema({"type": "string", "enum": list(values)})
