"""Endpoints of masks: operations, history, comments."""

import hashlib
import json
import uuid
from typing import Any

import numpy as np
import pytest

from annotator.accounts.models import User
from annotator.annotations.models import Annotation, AnnotationRevision
from annotator.images.models import Image
from annotator.inference.models import ModelVersion
from annotator.projects.models import Label, Project
from sam_core.masks import rle
from tests.annotator.conftest import Api


def counts_of(x: int = 10, y: int = 5, w: int = 20, h: int = 12, *, size: tuple[int, int] = (48, 64)) -> str:
    mask = np.zeros(size, np.uint8)
    mask[y : y + h, x : x + w] = 1
    return rle.encode(mask)["counts"]


def create(annotation_id: str | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "op_id": str(uuid.uuid4()),
        "type": "create",
        "annotation_id": annotation_id or str(uuid.uuid4()),
        "fields": {"counts": counts_of(), **fields},
    }


def change(kind: str, row: dict[str, Any], revision: int | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "op_id": str(uuid.uuid4()),
        "type": kind,
        "annotation_id": row["id"],
        "base_revision": row["revision"] if revision is None else revision,
        "fields": fields,
    }


def send(api: Api, image: Image, *operations: dict[str, Any]) -> Any:
    return api.post(f"/images/{image.pk}/operations", {"operations": list(operations)})


def applied(api: Api, image: Image, operation: dict[str, Any]) -> dict[str, Any]:
    answer = send(api, image, operation)
    assert answer.status_code == 200, answer.content
    result = answer.json()["results"][0]
    assert (result["op_id"], result["status"]) == (operation["op_id"], "applied")
    row: dict[str, Any] = result["annotation"]
    return row


def refused(api: Api, image: Image, operation: dict[str, Any]) -> dict[str, Any]:
    answer = send(api, image, operation)
    assert answer.status_code == 409, answer.content
    assert answer.json()["code"] == "conflict"
    result: dict[str, Any] = answer.json()["extra"]["results"][0]
    return result


def test_creating_measures_the_mask_on_the_server(as_annotator: Api, annotator: User, image: Image) -> None:
    label = Label.objects.get(project=image.project)
    operation = create(
        label_id=label.pk, predicted_iou=0.91, stability_score=0.97, provenance={"prompts": [1]}, active_ms=4200
    )
    row = applied(as_annotator, image, operation)
    assert (row["bbox"], row["area"], row["size"]) == ([10, 5, 20, 12], 240, [48, 64])
    assert (row["label_id"], row["revision"], row["source"], row["state"]) == (label.pk, 1, "manual", "accepted")
    assert row["author"] == {"id": annotator.pk, "name": "noor"}
    assert row["stage"] == "assisted_manual"
    listed = as_annotator.get(f"/images/{image.pk}/annotations").json()
    assert listed["annotations"] == [row]
    assert listed["server_time"]


def test_a_payload_is_known_again_by_what_the_client_gave_and_nothing_else(as_annotator: Api, image: Image) -> None:
    """Digests are kept with the history: those of before have to fit what is sent again today."""
    operation = create(state="accepted", label_id=None)
    applied(as_annotator, image, operation)
    given = {name: operation[name] for name in ("type", "annotation_id", "fields")}
    text = json.dumps(given, sort_keys=True, separators=(",", ":"))
    digest = AnnotationRevision.objects.get(op_id=operation["op_id"]).payload_digest
    assert digest == hashlib.sha256(text.encode()).hexdigest()


def test_sending_an_operation_again_changes_nothing(as_annotator: Api, image: Image) -> None:
    operation = create()
    row = applied(as_annotator, image, operation)
    again = send(as_annotator, image, operation)
    assert again.status_code == 200
    assert again.json()["results"][0]["status"] == "duplicate"
    assert again.json()["results"][0]["annotation"] == row
    assert (Annotation.objects.count(), AnnotationRevision.objects.count()) == (1, 1)


def test_an_update_sets_only_what_it_names(as_annotator: Api, image: Image) -> None:
    label = Label.objects.get(project=image.project)
    row = applied(as_annotator, image, create(label_id=label.pk, attributes={"a": 1}))
    moved = applied(as_annotator, image, change("update", row, counts=counts_of(0, 0, 3, 3), z_order=4))
    assert (moved["revision"], moved["area"], moved["z_order"], moved["label_id"]) == (2, 9, 4, label.pk)
    assert moved["attributes"] == {"a": 1}
    assert applied(as_annotator, image, change("update", moved, label_id=None))["label_id"] is None


def test_a_lost_race_is_a_conflict_with_the_current_row(as_annotator: Api, as_admin: Api, image: Image) -> None:
    row = applied(as_annotator, image, create())
    theirs = applied(as_admin, image, change("update", row, z_order=9))
    mine = refused(as_annotator, image, change("update", row, z_order=1))
    assert (mine["status"], mine["code"], mine["annotation"]) == ("conflict", "revision", theirs)
    assert Annotation.objects.get().z_order == 9


def test_deleting_and_restoring(as_annotator: Api, image: Image) -> None:
    row = applied(as_annotator, image, create())
    gone = applied(as_annotator, image, change("delete", row))
    assert gone["deleted_at"] is not None
    assert as_annotator.get(f"/images/{image.pk}/annotations").json()["annotations"] == []
    assert refused(as_annotator, image, change("update", gone, z_order=1))["code"] == "deleted"
    assert refused(as_annotator, image, change("delete", gone))["code"] == "deleted"
    back = applied(as_annotator, image, change("restore", gone))
    assert (back["deleted_at"], back["revision"]) == (None, 3)
    assert refused(as_annotator, image, change("restore", back))["code"] == "not_deleted"


def test_history_is_kept_in_order(as_annotator: Api, image: Image) -> None:
    row = applied(as_annotator, image, create())
    row = applied(as_annotator, image, change("update", row, counts=counts_of(0, 0, 3, 3)))
    applied(as_annotator, image, change("delete", row))
    history = as_annotator.get(f"/annotations/{row['id']}/revisions").json()
    assert [(entry["revision"], entry["action"]) for entry in history] == [(1, "create"), (2, "update"), (3, "delete")]
    assert [entry["snapshot"]["area"] for entry in history] == [240, 9, 9]
    assert history[0]["author"]["name"] == "noor"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"counts": "not an rle \x7f"}, "bad_counts"),
        ({"counts": counts_of(size=(10, 10), x=1, y=1, w=2, h=2)}, "bad_counts"),
        ({"counts": rle.empty((48, 64))["counts"]}, "empty_mask"),
        ({"counts": None}, "no_counts"),
        ({"label_id": 999_999}, "no_such_label"),
        ({"provenance": {"x": "y" * 300_000}}, "too_large"),
        ({"attributes": {"x": "y" * 40_000}}, "too_large"),
    ],
)
def test_what_cannot_be_saved_is_rejected_with_a_code(
    as_annotator: Api, image: Image, fields: dict[str, Any], code: str
) -> None:
    result = refused(as_annotator, image, create(**fields))
    assert (result["status"], result["code"], result["annotation"]) == ("rejected", code, None)
    assert Annotation.objects.count() == 0


def test_labels_of_other_projects_are_rejected(as_annotator: Api, image: Image) -> None:
    other = Label.objects.create(project=Project.objects.create(name="Other"), name="x", color="#000000")
    assert refused(as_annotator, image, create(label_id=other.pk))["code"] == "no_such_label"


def test_one_bad_operation_leaves_the_others_standing(as_annotator: Api, image: Image) -> None:
    answer = send(as_annotator, image, create(), create(label_id=999_999), create())
    statuses = [result["status"] for result in answer.json()["extra"]["results"]]
    assert (answer.status_code, statuses) == (409, ["applied", "rejected", "applied"])
    assert Annotation.objects.count() == 2


def test_operations_of_one_batch_build_on_each_other(as_annotator: Api, image: Image) -> None:
    first = create()
    second = change("update", {"id": first["annotation_id"], "revision": 1}, z_order=2)
    third = change("delete", {"id": first["annotation_id"], "revision": 2})
    assert send(as_annotator, image, first, second, third).status_code == 200
    assert Annotation.objects.get().revision == 3


def test_an_id_can_be_used_once(as_annotator: Api, image: Image) -> None:
    row = applied(as_annotator, image, create())
    result = refused(as_annotator, image, create(row["id"]))
    assert (result["status"], result["code"], result["annotation"]["id"]) == ("conflict", "exists", row["id"])


def test_masks_of_other_images_are_out_of_reach(as_annotator: Api, as_admin: Api, image: Image) -> None:
    row = applied(as_annotator, image, create())
    other = Image.objects.create(
        project=Project.objects.create(name="Secret"),
        name="s",
        sha256="1" * 64,
        width=64,
        height=48,
        byte_size=1,
        format="PNG",
    )
    mine = Image.objects.create(
        project=image.project, name="m", sha256="2" * 64, width=64, height=48, byte_size=1, format="PNG"
    )
    assert refused(as_annotator, mine, change("update", row, z_order=1))["code"] == "not_found"
    assert refused(as_annotator, mine, create(row["id"]))["code"] == "id_taken"
    assert send(as_annotator, other, create()).status_code == 404
    reused = {**create(), "op_id": str(AnnotationRevision.objects.get().op_id)}
    assert refused(as_admin, mine, reused)["code"] == "op_id_reused"


def test_rejected_suggestions_are_kept_but_not_shown(as_annotator: Api, image: Image) -> None:
    row = applied(as_annotator, image, create(state="suggestion", source="suggestion"))
    applied(as_annotator, image, change("update", row, state="rejected"))
    assert as_annotator.get(f"/images/{image.pk}/annotations").json()["annotations"] == []
    kept = as_annotator.get(f"/images/{image.pk}/annotations?include_rejected=true").json()["annotations"]
    assert [mask["state"] for mask in kept] == ["rejected"]


def test_the_model_version_is_taken_from_the_provenance(as_annotator: Api, image: Image) -> None:
    version = ModelVersion.objects.create(name="m", version="m-1", image_size=64, embed_dim=8, weights_sha256="0" * 64)
    applied(as_annotator, image, create(provenance={"model_version": "m-1"}))
    assert Annotation.objects.get().model_version == version


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"operations": []},
        {"operations": [create() for _ in range(501)]},
        "[",
    ],
)
def test_bad_bodies(as_annotator: Api, image: Image, body: Any) -> None:
    assert as_annotator.post(f"/images/{image.pk}/operations", body).status_code in {400, 422}
    assert Annotation.objects.count() == 0


def test_access(as_annotator: Api, as_outsider: Api, signed_out: Api, image: Image) -> None:
    row = applied(as_annotator, image, create())
    for path in (
        f"/images/{image.pk}/annotations",
        f"/annotations/{row['id']}/revisions",
        f"/images/{image.pk}/comments",
    ):
        assert as_outsider.get(path).status_code == 404
        assert signed_out.get(path).status_code == 401
    assert send(as_outsider, image, create()).status_code == 404
    assert send(signed_out, image, create()).status_code == 401
    assert as_annotator.get(f"/images/{image.pk}/operations").status_code == 405
    assert as_annotator.get(f"/annotations/{uuid.uuid4()}/revisions").status_code == 404
    assert as_annotator.get("/annotations/7/revisions").status_code == 404


def test_comments_on_masks_and_places(as_annotator: Api, as_reviewer: Api, as_outsider: Api, image: Image) -> None:
    row = applied(as_annotator, image, create())
    path = f"/images/{image.pk}/comments"
    answer = as_reviewer.post(path, {"body": "Too wide", "annotation_id": row["id"], "x": 3.5, "y": 4})
    assert answer.status_code == 201
    comment = answer.json()
    assert (comment["body"], comment["annotation_id"], comment["author"]["name"]) == ("Too wide", row["id"], "rui")
    assert as_annotator.get(path).json() == [comment]
    done = as_annotator.patch(f"/comments/{comment['id']}", {"is_resolved": True}).json()
    assert done["resolved_at"]
    assert as_annotator.patch(f"/comments/{comment['id']}", {"is_resolved": False}).json()["resolved_at"] is None
    assert as_outsider.patch(f"/comments/{comment['id']}", {"is_resolved": True}).status_code == 404
    assert as_outsider.post(path, {"body": "x"}).status_code == 404
    assert as_annotator.patch("/comments/999999", {"is_resolved": True}).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"body": " "},
        {"body": "x", "x": 1},
        {"body": "x", "x": 65, "y": 1},
        {"body": "x", "annotation_id": str(uuid.uuid4())},
    ],
)
def test_bad_comments(as_annotator: Api, image: Image, body: Any) -> None:
    assert as_annotator.post(f"/images/{image.pk}/comments", body).status_code == 422


def test_a_list_that_has_not_changed_is_not_sent_again(as_annotator: Api, image: Image) -> None:
    path = f"/images/{image.pk}/annotations"
    label = Label.objects.get(project=image.project)
    row = applied(as_annotator, image, create(label_id=label.pk))
    tag = as_annotator.get(path).headers["ETag"]
    same = as_annotator.get(path, **{"If-None-Match": tag})
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    assert as_annotator.get(f"{path}?include_rejected=true", **{"If-None-Match": tag}).status_code == 200

    seen = {tag}
    for operation in (change("update", row, z_order=7), change("delete", row, revision=2)):
        applied(as_annotator, image, operation)
        changed = as_annotator.get(path, **{"If-None-Match": tag})
        assert changed.status_code == 200
        tag = changed.headers["ETag"]
        assert tag not in seen
        seen.add(tag)


def test_a_deleted_label_changes_the_list_of_masks(as_annotator: Api, image: Image) -> None:
    path = f"/images/{image.pk}/annotations"
    label = Label.objects.get(project=image.project)
    applied(as_annotator, image, create(label_id=label.pk))
    tag = as_annotator.get(path).headers["ETag"]
    label.delete()
    changed = as_annotator.get(path, **{"If-None-Match": tag})
    assert (changed.status_code, changed.json()["annotations"][0]["label_id"]) == (200, None)


def test_listing_takes_a_constant_number_of_queries(
    as_annotator: Api, image: Image, django_assert_max_num_queries: Any
) -> None:
    send(as_annotator, image, *[create() for _ in range(30)])
    with django_assert_max_num_queries(7):
        assert len(as_annotator.get(f"/images/{image.pk}/annotations").json()["annotations"]) == 30
