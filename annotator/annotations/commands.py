"""What a client asks for: operations on masks. The API reads requests straight into these types, bounds included."""

from dataclasses import dataclass, field
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from annotator.annotations.mask_fields import MaskChanges

MAX_COUNTS_LENGTH = 8_000_000
OperationType = Literal["create", "update", "delete", "restore"]


class OperationFields(MaskChanges, total=False):
    """What an operation sets; what is left out stays."""

    label_id: int | None
    counts: Annotated[str, StringConstraints(min_length=1, max_length=MAX_COUNTS_LENGTH)] | None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One step of a client; `op_id` makes sending it again harmless.

    `override`: a reviewer or admin does it although the project is archived, the image reviewed or held by somebody
    else, or the mask locked; it is recorded.
    """

    op_id: UUID
    type: OperationType
    annotation_id: UUID
    base_revision: Annotated[int, Field(ge=0)] = 0
    override: bool = False
    fields: OperationFields = field(default_factory=OperationFields)
