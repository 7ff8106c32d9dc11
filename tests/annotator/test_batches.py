"""Operations of one batch stand alone: whatever is wrong with one, the others are stored, and each is told apart."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import DataError, IntegrityError, OperationalError

from annotator.annotations import services
from annotator.annotations.models import Annotation, AnnotationRevision, ImageVisit
from annotator.annotations.presence import VISIT_SECONDS
from annotator.annotations.signals import operation_applied
from annotator.images.models import Image
from annotator.live import hints
from tests.annotator.conftest import Api
from tests.annotator.test_api_annotations import applied, change, counts_of, create, refused, send


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"deeper": value}
    return value


UNREADABLE = [
    "not an operation",
    None,
    {"type": "create"},
    {**create(), "type": "explode"},
    {**create(), "op_id": "7"},
    {**create(), "base_revision": -1},
    create(active_ms=-1),
    create(predicted_iou="high"),
    create(predicted_iou=float("nan")),
    create(z_order=2**31),
    create(counts="\ud800"),
    {**create(), "op_id": "\ud800"},
]
UNSTORABLE = [
    create(provenance={"note": "a\0b"}),
    create(attributes={"na\0me": "x"}),
    create(attributes={"deep": [{"er": "\0"}]}),
    create(provenance={"note": "half \ud83d"}),
    create(attributes={"\udc00": 1}),
    create(provenance={"score": float("nan")}),
    create(provenance={"score": float("-inf")}),
    create(attributes=nested(100)),
    create(counts="a\0"),
]


@pytest.mark.parametrize("bad", UNREADABLE)
def test_what_does_not_fit_the_schema_is_refused_alone(as_annotator: Api, image: Image, bad: Any) -> None:
    first, last = create(), create()
    answer = send(as_annotator, image, first, bad, last)
    results = answer.json()["extra"]["results"]
    assert (answer.status_code, [result["status"] for result in results]) == (409, ["applied", "rejected", "applied"])
    assert results[1]["code"] == "invalid"
    assert results[1]["op_id"] == (bad.get("op_id") if isinstance(bad, dict) else None)
    assert {str(row.pk) for row in Annotation.objects.all()} == {first["annotation_id"], last["annotation_id"]}


@pytest.mark.parametrize("bad", UNSTORABLE)
def test_what_no_database_can_hold_is_refused_alone(as_annotator: Api, image: Image, bad: dict[str, Any]) -> None:
    answer = send(as_annotator, image, create(), bad, create())
    results = answer.json()["extra"]["results"]
    assert (answer.status_code, [result["status"] for result in results]) == (409, ["applied", "rejected", "applied"])
    assert results[1]["code"] == "not_storable"
    assert Annotation.objects.count() == 2


@pytest.mark.parametrize("error", [DataError("too long"), IntegrityError("a check"), ValueError("odd"), KeyError("x")])
def test_a_failure_of_the_server_is_of_one_operation(as_annotator: Api, image: Image, error: Exception) -> None:
    """A receiver stands for whatever may fail in the middle of an operation, after rows of it were written."""
    bad = create()

    def fail(sender: Any, row: Annotation, **kwargs: Any) -> None:
        if str(row.pk) == bad["annotation_id"]:
            raise error

    operation_applied.connect(fail)
    try:
        answer = send(as_annotator, image, create(), bad, create())
    finally:
        operation_applied.disconnect(fail)
    results = answer.json()["extra"]["results"]
    assert [result["status"] for result in results] == ["applied", "failed", "applied"]
    assert (results[1]["code"], results[1]["annotation"]) == ("server_error", None)
    assert Annotation.objects.count() == AnnotationRevision.objects.count() == 2
    assert send(as_annotator, image, bad).status_code == 200, "the same operation may come again"


def test_a_database_that_does_not_answer_is_told_for_the_whole_batch(as_annotator: Api, image: Image) -> None:
    def fail(sender: Any, **kwargs: Any) -> None:
        raise OperationalError("gone")

    operation_applied.connect(fail)
    try:
        assert send(as_annotator, image, create(), create()).status_code == 503
    finally:
        operation_applied.disconnect(fail)
    assert Annotation.objects.count() == 0


def test_an_id_used_again_for_something_else_is_no_duplicate(as_annotator: Api, image: Image) -> None:
    first = create(z_order=1)
    row = applied(as_annotator, image, first)
    again = send(as_annotator, image, first).json()["results"][0]
    assert (again["status"], again["revision"]) == ("duplicate", 1)
    for other in (
        {**first, "fields": {**first["fields"], "z_order": 2}},
        {**first, "fields": {"counts": counts_of(1, 1, 4, 4)}},
        {**change("update", row, z_order=1), "op_id": first["op_id"]},
        {**change("delete", row), "op_id": first["op_id"]},
        {**create(), "op_id": first["op_id"]},
    ):
        result = refused(as_annotator, image, other)
        assert (result["status"], result["code"]) == ("rejected", "op_id_reused")
    assert Annotation.objects.get().z_order == 1


def test_a_retry_is_a_duplicate_whatever_revision_it_names_and_tells_its_own(as_annotator: Api, image: Image) -> None:
    row = applied(as_annotator, image, create())
    second = change("update", row, z_order=5)
    row = applied(as_annotator, image, second)
    applied(as_annotator, image, change("update", row, z_order=6))
    result = send(as_annotator, image, {**second, "base_revision": 7}).json()["results"][0]
    assert (result["status"], result["revision"], result["annotation"]["revision"]) == ("duplicate", 2, 3)


def test_entries_of_machines_have_no_digest_and_still_stop_a_second_one(as_annotator: Api, image: Image) -> None:
    first = create()
    applied(as_annotator, image, first)
    AnnotationRevision.objects.update(payload_digest="")
    assert send(as_annotator, image, first).json()["results"][0]["status"] == "duplicate"


def race(image: Image, operation: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first look for an earlier operation find nothing, as when two requests run at the same moment."""
    look, looks = services._find_earlier, iter([True])
    monkeypatch.setattr(services, "_find_earlier", lambda *given: None if next(looks, False) else look(*given))


def test_the_same_operation_sent_twice_at_once_is_a_duplicate(
    as_annotator: Api, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = applied(as_annotator, image, create())
    operation = change("update", row, z_order=3)
    applied(as_annotator, image, operation)
    race(image, operation, monkeypatch)
    answer = send(as_annotator, image, {**operation, "base_revision": 2})
    assert (answer.status_code, answer.json()["results"][0]["status"]) == (200, "duplicate")
    assert Annotation.objects.get().revision == 2


def test_pages_of_another_person_cannot_write_here(as_annotator: Api, annotator: Any, image: Image) -> None:
    """A tab that was left open must not send its work in the name of whoever signed in after."""
    path, body = f"/images/{image.pk}/operations", {"operations": [create()]}
    answer = as_annotator.post(path, body, **{"X-Maskwright-User": str(annotator.pk + 1)})
    assert (answer.status_code, answer.json()["code"]) == (403, "other_account")
    assert Annotation.objects.count() == 0
    assert as_annotator.post(path, body, **{"X-Maskwright-User": str(annotator.pk)}).status_code == 200


def test_the_trash_holds_what_people_deleted(
    as_annotator: Api, as_outsider: Api, signed_out: Api, image: Image
) -> None:
    path = f"/images/{image.pk}/annotations/deleted"
    assert as_annotator.get(path).json() == {"annotations": []}
    kept, gone, back = (applied(as_annotator, image, create()) for _ in range(3))
    for row in (gone, back):
        applied(as_annotator, image, change("delete", row))
    suggestion = applied(as_annotator, image, create(state="suggestion", source="suggestion"))
    applied(
        as_annotator,
        image,
        change("delete", applied(as_annotator, image, change("update", suggestion, state="rejected"))),
    )
    found = as_annotator.get(path).json()["annotations"]
    assert [row["id"] for row in found] == [back["id"], gone["id"]], "latest first"
    assert found[0]["deleted_by"]["name"] == "noor"
    assert (found[0]["counts"], found[0]["revision"]) == (back["counts"], 2)
    applied(as_annotator, image, change("restore", found[0]))
    assert [row["id"] for row in as_annotator.get(path).json()["annotations"]] == [gone["id"]]
    assert kept["id"] not in {row["id"] for row in found}
    assert (as_outsider.get(path).status_code, signed_out.get(path).status_code) == (404, 401)


def test_people_on_the_same_image_see_each_other(
    as_annotator: Api, as_admin: Api, as_outsider: Api, signed_out: Api, image: Image
) -> None:
    path = f"/images/{image.pk}/presence"
    assert as_annotator.post(path).json() == {"people": []}
    assert [who["name"] for who in as_admin.post(path).json()["people"]] == ["noor"]
    assert [who["name"] for who in as_annotator.post(path).json()["people"]] == ["ada"]
    assert as_admin.post(path, {"is_leaving": True}).json() == {"people": []}
    assert as_annotator.post(path).json() == {"people": []}
    assert (as_outsider.post(path).status_code, signed_out.post(path).status_code) == (404, 401)
    assert as_annotator.get(path).status_code == 405
    assert as_annotator.post(path, {"is_leaving": "perhaps"}).status_code == 422


def test_a_visit_that_nobody_confirmed_is_over(as_annotator: Api, as_admin: Api, image: Image) -> None:
    as_annotator.post(f"/images/{image.pk}/presence")
    visit = ImageVisit.objects.get()
    visit.seen_at -= timedelta(seconds=VISIT_SECONDS + 1)
    visit.save()
    assert as_admin.post(f"/images/{image.pk}/presence").json() == {"people": []}


def test_the_hint_names_the_tab_that_sent(
    as_annotator: Api, image: Image, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(hints, "_send", told.append)
    tab = str(uuid.uuid4())
    with django_capture_on_commit_callbacks(execute=True):
        as_annotator.post(f"/images/{image.pk}/operations", {"operations": [create()]}, **{"X-Maskwright-Tab": tab})
    assert (told[0]["type"], told[0]["tab"]) == ("annotations.changed", tab)
