"""Whoever may do everything in one project reaches nothing of another by naming its things."""

import json
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver, reverse

from annotator.accounts.models import User
from annotator.annotations.models import Annotation, Comment
from annotator.exchange.import_.label_matching import LabelMatcher
from annotator.exchange.options import ImportOptions
from annotator.images.models import Image
from annotator.jobs.models import Job
from annotator.projects.models import Membership, Project, Role
from tests.annotator.doors.conftest import make_things
from tests.annotator.doors.test_every_door import client_of, everything
from tests.annotator.doors.test_every_page import patterns_of

NESTED = [
    "label", "label_delete", "member", "member_remove", "member_link_end", "decide_review", "import", "workspace",
    "dataset", "dataset_delete",
]  # fmt: skip


@pytest.fixture
def own(world: Any, make_user: Any) -> dict[str, Any]:
    """A second project, whose admin is no member of the first."""
    user: User = make_user("bea")
    project = Project.objects.create(name="Own", created_by=user)
    member = Membership.objects.create(project=project, user=user, role=Role.ADMIN)
    return {**make_things(project, user), "member_id": member.pk, "user": user}


@pytest.fixture(params=["outsider", "admin of both"])
def client(request: Any, own: dict[str, Any], world: Any) -> Client:
    """The second project's admin, who may or may not be an admin of the first as well."""
    if request.param == "admin of both":
        Membership.objects.create(project_id=world["project_id"], user=own["user"], role=Role.ADMIN)
    return client_of(own["user"])


def call(client: Client, method: str, path: str, body: Any = None) -> Any:
    data = json.dumps(body) if method != "get" else {}
    return getattr(client, method)(f"/api/v1{path}", data, content_type="application/json")


def test_every_page_with_two_numbers_is_tried() -> None:
    found = {str(entry.name) for entry in patterns_of(get_resolver()) if len(entry.pattern.converters) > 1}
    assert found == set(NESTED)


@pytest.mark.parametrize("name", NESTED)
def test_pages_find_only_their_projects_things(name: str, client: Client, own: Any, world: Any) -> None:
    pattern = next(entry for entry in patterns_of(get_resolver()) if entry.name == name)
    wanted = {key: world[key] for key in pattern.pattern.converters} | {"project_id": own["project_id"]}
    before = everything()
    for method in ("get", "post"):
        assert getattr(client, method)(reverse(name, kwargs=wanted)).status_code in (404, 405)
    assert everything() == before


@pytest.mark.parametrize(
    ("page", "form"),
    [
        ("tag_images", {"tag": "stolen", "image": "$image_id"}),
        ("automatic", {"action": "run", "scope": "chosen", "image": "$image_id"}),
        ("images_delete", {"masks": "1000", "image": "$image_id"}),
    ],
)
def test_forms_take_only_their_projects_images(page: str, form: Any, client: Client, own: Any, world: Any) -> None:
    jobs = Job.objects.count()
    client.post(reverse(page, args=[own["project_id"]]), {**form, "image": world["image_id"]})
    assert Image.objects.get(pk=world["image_id"]).tags == []
    assert Job.objects.count() == jobs


def test_the_states_of_other_projects_images_are_not_told(client: Client, own: Any, world: Any) -> None:
    path = reverse("project_progress", args=[own["project_id"]])
    assert client.get(path, {"ids": world["image_id"]}).json()["images"] == {}
    rows = call(client, "get", f"/projects/{own['project_id']}/exports?job_id={world['job_id']}").json()
    assert rows == []


def test_a_comment_names_only_masks_of_its_image(client: Client, own: Any, world: Any) -> None:
    body = {"body": "x", "annotation_id": world["annotation_id"]}
    before = Comment.objects.count()
    assert call(client, "post", f"/images/{own['image_id']}/comments", body).status_code == 422
    assert Comment.objects.count() == before


@pytest.mark.parametrize("kind", ["update", "delete", "create", "label"])
def test_operations_reach_only_masks_of_their_image(kind: str, client: Client, own: Any, world: Any) -> None:
    foreign = {"label_id": world["label_id"]} if kind == "label" else {"z_order": 5}
    operation = {
        "op_id": str(uuid.uuid4()),
        "type": "update" if kind == "label" else kind,
        "annotation_id": own["annotation_id"] if kind == "label" else world["annotation_id"],
        "base_revision": 0 if kind == "create" else 1,
        "fields": {} if kind == "delete" else {**foreign, "counts": "0h0"} if kind == "create" else foreign,
    }
    before = everything()
    answer = call(client, "post", f"/images/{own['image_id']}/operations", {"operations": [operation]})
    code = answer.json()["extra"]["results"][0]["code"]
    assert code == {"label": "no_such_label", "create": "id_taken"}.get(kind, "not_found")
    assert answer.json()["extra"]["results"][0]["annotation"] is None
    assert everything() == before


def test_decisions_reach_only_suggestions_of_their_image(client: Client, own: Any, world: Any) -> None:
    Annotation.objects.filter(pk=world["annotation_id"]).update(state="suggestion")
    body = {"op_id": str(uuid.uuid4()), "state": "accepted", "annotation_ids": [world["annotation_id"]]}
    answer = call(client, "post", f"/images/{own['image_id']}/suggestions", body)
    assert answer.json() == {"decided": 0, "results": []}
    named = {**body, "op_id": str(uuid.uuid4()), "annotation_ids": None, "label_id": world["label_id"]}
    assert call(client, "post", f"/images/{own['image_id']}/suggestions", named).status_code == 422
    assert Annotation.objects.get(pk=world["annotation_id"]).state == "suggestion"


def test_the_model_runs_only_over_its_projects_images(client: Client, own: Any, world: Any) -> None:
    body = {"image_ids": [world["image_id"]]}
    answer = call(client, "post", f"/projects/{own['project_id']}/automatic", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "no_images")


def test_the_dashboard_counts_only_its_project(client: Client, own: Any, world: Any) -> None:
    path = f"/projects/{own['project_id']}/dashboard?label={world['label_id']}"
    figures = call(client, "get", path).json()
    assert figures["by_label"] == []
    assert all(row["id"] != world["job_id"] for row in figures.get("jobs", []))


def test_versions_are_compared_within_their_project(client: Client, own: Any, world: Any) -> None:
    foreign, mine = world["dataset_id"], own["dataset_id"]
    assert call(client, "get", f"/datasets/{mine}/compare/{own['earlier_id']}").status_code == 200
    assert call(client, "get", f"/datasets/{mine}/compare/{foreign}").status_code == 404
    page = client.get(reverse("dataset", args=[own["project_id"], mine]), {"with": foreign})
    assert (page.status_code, page.context["earlier"]) == (200, None)


def test_an_import_gives_no_mask_another_projects_label(client: Client, own: Any, world: Any) -> None:
    options = ImportOptions(default_label=world["label_id"])
    assert LabelMatcher(Project.objects.get(pk=own["project_id"]), options).default is None
