"""The endpoints of dataset versions, as a script uses them."""

import gzip
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from annotator.accounts.models import User
from annotator.annotations.models import Annotation
from annotator.audit.models import AuditEvent
from annotator.projects.models import Label, Project
from annotator.training.models import DatasetVersion
from tests.annotator.conftest import body_of
from tests.annotator.training.conftest import Finish

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(admin: User, client_of: Callable[[User], Client]) -> Client:
    return client_of(admin)


@pytest.fixture
def make(
    client: Client, project: Project, work_off: Callable[[], None], django_capture_on_commit_callbacks: Any
) -> Callable[..., int]:
    """Ask for a version, let the worker make it, and return its id."""

    def start(name: str = "", **filters: Any) -> int:
        body = json.dumps({"name": name, "filters": filters})
        with django_capture_on_commit_callbacks(execute=True):
            answer = client.post(f"/api/v1/projects/{project.pk}/datasets", body, content_type="application/json")
        assert (answer.status_code, answer.json()["kind"]) == (202, "dataset")
        work_off()
        return int(client.get(f"/api/v1/jobs/{answer.json()['id']}").json()["report"]["dataset_id"])

    return start


def test_a_script_counts_freezes_reads_compares_and_deletes(
    client: Client, project: Project, finish: Finish, make: Callable[..., int], label: Label,
    add_mask: Callable[..., Annotation],
) -> None:  # fmt: skip
    image, _ = finish(3, mask={"label": label})
    finish(2)
    counts = client.get(f"/api/v1/projects/{project.pk}/dataset-counts", {"labels": [0, label.pk]}).json()
    assert (counts["images"], counts["masks"], counts["trained_images"] + counts["held_out_images"]) == (2, 5, 2)
    assert [row["masks"] for row in counts["labels"]] == [3, 2]
    assert client.get(f"/api/v1/projects/{project.pk}/dataset-counts", {"labels": 0}).json()["masks"] == 2

    first = make("first", labels=[label.pk])
    add_mask(image, label=label)
    second = make()
    listed = client.get(f"/api/v1/projects/{project.pk}/datasets").json()
    assert [row["id"] for row in listed] == [second, first]
    told = client.get(f"/api/v1/datasets/{first}").json()
    assert (told["name"], told["number"], told["images"], told["masks"]) == ("first", 1, 1, 3)
    assert told["labels"] == [{"id": label.pk, "name": "car", "color": "#E69F00", "masks": 3, "held_out": 0}]
    assert told["filters"] == {"labels": [label.pk]}

    answer = client.get(told["download_url"])
    content = body_of(answer)
    assert hashlib.sha256(content).hexdigest() == told["sha256"]
    assert (len(content), answer["Content-Type"]) == (told["byte_size"], "application/gzip")
    assert answer["Content-Disposition"].startswith('attachment; filename="street-dataset-1.jsonl.gz"')
    assert [len(json.loads(line)["annotations"]) for line in gzip.decompress(content).splitlines()] == [3]
    part = client.get(told["download_url"], headers={"Range": "bytes=10-"})
    assert (part.status_code, body_of(part)) == (206, content[10:])
    assert AuditEvent.objects.filter(verb="dataset.downloaded").count() == 1

    found = client.get(f"/api/v1/datasets/{second}/compare/{first}").json()
    assert (found["added"], found["changed"], found["gone"], found["same"]) == (3, 0, 0, 3)
    assert client.delete(f"/api/v1/datasets/{first}").status_code == 204
    assert client.get(f"/api/v1/datasets/{first}").status_code == 404
    assert client.get(f"/api/v1/datasets/{second}/compare/{first}").status_code == 404


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "x" * 101}, "invalid"),
        ({"name": "a\x00b"}, "not_storable"),
        ({"filters": {"states": ["suggestion"]}}, "invalid"),
        ({"filters": {"labels": ["car"]}}, "invalid"),
        ({"filters": {"created_from": "yesterday"}}, "invalid"),
        ({"filters": {"people": [9]}}, "nothing_fits"),
        ({"filters": {"labels": [10**30]}}, "invalid"),
        ({"filters": {"created_before": "0001-01-01T00:00+14:00"}}, "invalid"),
    ],
)
def test_bad_orders_are_refused(body: Any, code: str, client: Client, project: Project, finish: Finish) -> None:
    finish()
    path = f"/api/v1/projects/{project.pk}/datasets"
    answer = client.post(path, json.dumps(body), content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_name_that_is_taken_and_a_version_under_way_are_conflicts(
    client: Client, project: Project, finish: Finish, make: Callable[..., int]
) -> None:
    finish()
    make("first")
    path, body = f"/api/v1/projects/{project.pk}/datasets", json.dumps({"name": "first"})
    taken = client.post(path, body, content_type="application/json")
    assert (taken.status_code, taken.json()["code"]) == (409, "name_taken")
    client.post(path, "{}", content_type="application/json")
    busy = client.post(path, "{}", content_type="application/json")
    assert (busy.status_code, busy.json()["code"]) == (409, "job_running")


def test_an_empty_project_is_counted_as_nothing_and_told_why_it_cannot_be_frozen(
    client: Client, project: Project
) -> None:
    counts = client.get(f"/api/v1/projects/{project.pk}/dataset-counts").json()
    assert counts == {
        "images": 0, "masks": 0, "trained_images": 0, "held_out_images": 0, "held_out_masks": 0, "labels": [],
        "people": [], "days": [],
    }  # fmt: skip
    answer = client.post(f"/api/v1/projects/{project.pk}/datasets", "{}", content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (422, "no_masks")
    assert not DatasetVersion.objects.exists()
