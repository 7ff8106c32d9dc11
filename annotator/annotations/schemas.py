"""What the annotation endpoints take, around the operations (commands.py); what they give is in answers.py."""

from typing import Annotated
from uuid import UUID

from ninja import Schema
from pydantic import Field, StringConstraints, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from annotator.annotations.commands import Operation

MAX_OPERATIONS = 500


class UnreadableOperation(Schema):
    """An operation that does not fit the schema: refused by itself, so that the others of its batch go on."""

    op_id: str | None
    message: str


def _read_operation(value: object, read: ValidatorFunctionWrapHandler) -> object:
    try:
        return read(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "operation"
        op_id = value.get("op_id") if isinstance(value, dict) else None
        told = op_id[:100] if isinstance(op_id, str) else None
        return UnreadableOperation(op_id=told, message=f"{place}: {first['msg']}")


class OperationBatch(Schema):
    """Operations on one image, applied in order, each on its own."""

    operations: list[Annotated[Operation, WrapValidator(_read_operation)]] = Field(
        min_length=1, max_length=MAX_OPERATIONS
    )


class VisitIn(Schema):
    """Whether the page is open or about to close."""

    is_leaving: bool = False


class CommentIn(Schema):
    """A remark on the image, on a mask, or on a place in image pixels."""

    body: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=5000)]
    annotation_id: UUID | None = None
    x: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    y: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class CommentPatch(Schema):
    """Resolve a remark or open it again."""

    is_resolved: bool
