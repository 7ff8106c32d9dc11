"""The table of mask fields covers the columns, and each field goes through history, wire, files and imports."""

import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from annotator.accounts.models import User
from annotator.annotations.answers import AnnotationOut
from annotator.annotations.commands import Operation, OperationFields
from annotator.annotations.mask_fields import (
    FIELD_NAMES,
    GEOMETRY,
    MASK_FIELDS,
    SNAPSHOT_FIELDS,
    Choice,
    Flag,
    MaskChanges,
    MaskField,
    MaskFields,
    Object,
    Score,
    Whole,
)
from annotator.annotations.models import Annotation, AnnotationRevision
from annotator.annotations.selectors import describe
from annotator.annotations.services import apply_operations
from annotator.projects.models import Project
from tests.annotator.exchange.conftest import awkward_shapes
from tests.annotator.exchange.fixture_types import AddImage, AddMask, Export, TakeIn, Twin

ELSEWHERE = {
    "id", "image_id", "label_id", *GEOMETRY, "revision", "author_id", "model_version_id", "created_at", "decided_at",
    "updated_at", "deleted_at",
}  # fmt: skip


def other_value(field: MaskField) -> object:
    """Return a value that is not the default."""
    match field.kind:
        case Choice(values):
            return next(value for value in reversed(values.values) if value not in (field.default, "import"))
        case Score():
            return 0.25
        case Whole():
            return 7
        case Flag():
            return True
        case Object():
            return {"note": ["a", 1]}


TAKEN = TypeAdapter(OperationFields)
OTHER = {field.name: other_value(field) for field in MASK_FIELDS}


def test_each_column_has_its_line_in_the_table_with_the_same_default() -> None:
    columns = {column.attname: column for column in Annotation._meta.concrete_fields}
    assert set(columns) == ELSEWHERE | set(FIELD_NAMES)
    for field in MASK_FIELDS:
        if field.default is not None:
            assert columns[field.name].get_default() == field.default
        assert columns[field.name].null == field.is_nullable


def test_the_wire_has_each_field_and_takes_what_may_be_set() -> None:
    assert tuple(MaskFields.__annotations__) == FIELD_NAMES
    assert set(FIELD_NAMES) <= set(AnnotationOut.__annotations__)
    settable = {field.name for field in MASK_FIELDS if field.is_settable}
    assert set(MaskChanges.__annotations__) == settable
    assert set(OperationFields.__annotations__) == settable | {"label_id", "counts"}
    for field in MASK_FIELDS:
        if field.is_settable:
            assert TAKEN.validate_python({field.name: OTHER[field.name]}) == {field.name: OTHER[field.name]}


def out_of_bounds(field: MaskField) -> tuple[list[Any], list[Any]]:
    """Return values just outside, and the last ones inside."""
    match field.kind:
        case Choice(values):
            return ["", "lost"], values.values
        case Score(low, high):
            return [low - 0.5, high + 0.5, float("nan")], [low, high, None]
        case Whole(low, high):
            return [low - 1, high + 1], [low, high]
        case Flag():
            return ["perhaps"], [True, False]
        case Object():
            return [[], "text"], [{}]


@pytest.mark.parametrize("field", [field for field in MASK_FIELDS if field.is_settable], ids=lambda field: field.name)
def test_the_wire_takes_what_the_table_says_and_nothing_beyond(field: MaskField) -> None:
    outside, inside = out_of_bounds(field)
    for value in outside:
        with pytest.raises(ValidationError, match=field.name):
            TAKEN.validate_python({field.name: value})
    for value in inside:
        assert TAKEN.validate_python({field.name: value}) == {field.name: value}


def test_an_operation_sets_each_field_and_the_history_keeps_it(filled: Project, admin: User) -> None:
    row = Annotation.objects.filter(image__project=filled).select_related("image")[0]
    fields = {field.name: OTHER[field.name] for field in MASK_FIELDS if field.is_settable}
    operation = Operation(
        op_id=uuid.uuid4(), type="update", annotation_id=row.pk, base_revision=1, fields=TAKEN.validate_python(fields)
    )
    (result,) = apply_operations(row.image, admin, operations=[operation])
    assert result["status"] == "applied"
    row.refresh_from_db()
    said: Mapping[str, object] = describe(row, height=1, width=1)
    snapshot = AnnotationRevision.objects.get(annotation=row).snapshot
    assert snapshot.keys() == set(SNAPSHOT_FIELDS)
    for name, value in fields.items():
        assert getattr(row, name) == said[name] == snapshot[name] == value


def test_each_field_goes_out_into_a_file_and_comes_in_again(
    project: Project, add_image: AddImage, add_mask: AddMask, export: Export, take_in: TakeIn, twin: Twin
) -> None:
    add_mask(add_image(project), awkward_shapes(17, 31)[0], **OTHER)
    copy = twin(project)
    report = take_in(copy, export(project, filters={"states": []}).files[0])
    assert report["masks"]["created"] == 1
    found = Annotation.objects.get(image__project=copy)
    told = {name: getattr(found, name) for name in FIELD_NAMES}
    imported = told["provenance"].pop("imported")
    assert imported["source"] == OTHER["source"]
    assert told == {**OTHER, "source": "import"}
    again = export(copy, filters={"states": []}).files[0].read_text()
    assert f'"source":"{OTHER["source"]}"' in again


def test_a_field_that_a_file_gives_in_another_shape_is_as_if_it_were_not_there() -> None:
    from annotator.exchange.base.mask_fields import read_fields

    plain = read_fields({})
    for field in MASK_FIELDS:
        if field.name not in ("source", "provenance"):
            assert read_fields({field.name: object()})[field.name] == plain[field.name]
