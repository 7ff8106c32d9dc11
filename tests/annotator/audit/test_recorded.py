"""What masks' revisions do not hold is in the audit log: one test a thing that happens."""

import io
import json
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.test import Client

from annotator.accounts import sign_in_guard
from annotator.accounts.models import ApiToken, User
from annotator.audit.models import AuditEvent
from annotator.images.models import Image
from annotator.inference.model_sync import sync_model
from annotator.inference.models import ModelVersion
from annotator.projects.models import Label, Membership, Project, Role
from tests.annotator.conftest import Api, body_of
from tests.annotator.inference_steps import TINY_MODEL

PASSWORD = "Correct-Horse-7"


def verbs() -> list[str]:
    """Return what has happened, the oldest first."""
    return list(AuditEvent.objects.order_by("pk").values_list("verb", flat=True))


def latest(verb: str) -> AuditEvent:
    return AuditEvent.objects.filter(verb=verb)[0]


@pytest.fixture(autouse=True)
def _from_here_on(admin: User) -> None:
    """Forget what making the fixtures recorded."""
    AuditEvent.objects.forget_older_than(AuditEvent.objects.order_by("-at")[0].at, at_most=1000)


def test_labels_are_recorded_field_by_field(as_admin: Api, project: Project, admin: User) -> None:
    made = as_admin.post(f"/projects/{project.pk}/labels", {"name": "Bus"}).json()
    as_admin.patch(f"/labels/{made['id']}", {"name": "Coach", "color": "#000000", "position": 7})
    as_admin.patch(f"/labels/{made['id']}", {"name": "Coach"})
    as_admin.delete(f"/labels/{made['id']}")
    added, changed, deleted = (latest(f"label.{what}") for what in ("added", "changed", "deleted"))
    assert AuditEvent.objects.filter(object_kind="label").count() == 3
    assert added.changes["name"] == [None, "Bus"]
    assert changed.changes == {"name": ["Bus", "Coach"], "color": ["#56B4E9", "#000000"], "position": [1, 7]}
    assert (deleted.object_name, deleted.object_id) == ("Coach", str(made["id"]))
    assert {(row.actor_id, row.project_id, row.address) for row in (added, changed, deleted)} == {
        (admin.pk, project.pk, "127.0.0.1")
    }


def test_a_refused_change_leaves_no_event(as_admin: Api, project: Project) -> None:
    other = Label.objects.create(project=project, name="Bus", color="#000000")
    before = len(verbs())
    assert as_admin.patch(f"/labels/{other.pk}", {"name": "Car"}).status_code == 409
    assert as_admin.post(f"/projects/{project.pk}/labels", {"name": "Car"}).status_code == 409
    member = Membership.objects.get(project=project, role=Role.ADMIN)
    assert as_admin.delete(f"/members/{member.pk}").status_code == 409
    assert len(verbs()) == before


def test_a_new_project_is_recorded_with_its_labels(as_admin: Api) -> None:
    many = [{"name": f"n{number}"} for number in range(30)]
    made = as_admin.post("/projects", {"name": "Roads", "labels": many}).json()
    assert latest("project.made").project_id == made["id"]
    labels = latest("label.added")
    assert labels.changes["number"] == [None, 30]


def test_settings_are_recorded_key_by_key(as_admin: Api, project: Project) -> None:
    as_admin.patch(f"/projects/{project.pk}", {"name": "Streets", "settings": {"overlap": "new_cuts"}})
    event = latest("project.changed")
    assert event.changes == {"name": ["Street", "Streets"], "settings.overlap": [None, "new_cuts"]}
    as_admin.patch(f"/projects/{project.pk}/engine-settings", {"queue": {"order": "random"}})
    assert "settings.queue" in latest("project.changed").changes


def test_archiving_and_bringing_back_are_recorded(as_admin: Api, project: Project) -> None:
    for _ in range(2):
        as_admin.delete(f"/projects/{project.pk}")
    as_admin.patch(f"/projects/{project.pk}", {"is_archived": False})
    told = [verb for verb in verbs() if verb.startswith("project.")]
    assert told == ["project.archived", "project.unarchived"]


def test_members_are_recorded(as_admin: Api, project: Project, admin: User, outsider: User) -> None:
    together = Project.objects.create(name="Together")
    for user in (admin, outsider):
        Membership.objects.create(project=together, user=user)
    made = as_admin.post(f"/projects/{project.pk}/members", {"username": "otto"}).json()
    as_admin.patch(f"/members/{made['id']}", {"role": "reviewer"})
    as_admin.patch(f"/members/{made['id']}", {"role": "reviewer"})
    as_admin.delete(f"/members/{made['id']}")
    rows = AuditEvent.objects.filter(object_kind="member").order_by("pk")
    assert [(row.verb, row.object_name, row.changes["role"]) for row in rows] == [
        ("member.added", "otto", [None, "annotator"]),
        ("member.role", "otto", ["annotator", "reviewer"]),
        ("member.removed", "otto", ["reviewer", None]),
    ]


def test_a_deleted_image_is_recorded_with_its_masks(as_admin: Api, image: Image) -> None:
    pk = image.pk
    as_admin.delete(f"/images/{pk}")
    event = latest("image.deleted")
    assert (event.object_id, event.object_name, event.changes["masks"]) == (str(pk), "street.jpg", [0, None])


def test_tokens_are_recorded_and_what_a_token_does_names_it(as_admin: Api, project: Project) -> None:
    made = as_admin.post("/me/tokens", {"name": "nightly", "scope": "write"}).json()
    script = Api(None, HTTP_AUTHORIZATION=f"Bearer {made['token']}")
    script.post(f"/projects/{project.pk}/labels", {"name": "Bus"})
    as_admin.delete(f"/me/tokens/{made['id']}")
    assert (latest("label.added").actor_name, latest("label.added").token_name) == ("ada", "nightly")
    assert latest("token.made").changes["scope"] == [None, "write"]
    assert latest("token.revoked").object_name == "nightly"
    everything = json.dumps(list(AuditEvent.objects.values()), default=str)
    assert made["token"] not in everything


@pytest.fixture
def person(make_user: Any) -> User:
    user: User = make_user("petra")
    user.set_password(PASSWORD)
    user.save()
    return user


def sign_in(password: str, *, name: str = "petra", address: str = "10.0.0.1") -> Any:
    client = Client(REMOTE_ADDR=address)
    client.post("/login/", {"username": name, "password": password})
    return client


def test_signing_in_and_out_is_recorded_with_the_address(person: User) -> None:
    client = sign_in(PASSWORD)
    client.post("/logout/")
    for verb in ("person.signed_in", "person.signed_out"):
        assert (latest(verb).actor_name, latest(verb).address) == ("petra", "10.0.0.1")


def test_failures_are_recorded_until_the_lock_and_the_lock_once(person: User) -> None:
    for _ in range(django_settings.AXES_FAILURE_LIMIT + 5):
        sign_in("wrong", name="petra")
    assert verbs().count("person.sign_in_failed") == django_settings.AXES_FAILURE_LIMIT - 1
    assert verbs().count("person.sign_in_locked") == 1
    lock = latest("person.sign_in_locked")
    assert (lock.object_name, lock.address, lock.actor_id) == ("petra", "10.0.0.1", None)
    assert "wrong" not in json.dumps(list(AuditEvent.objects.values()), default=str)


def test_a_locked_address_is_recorded_once(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_guard, "FAILURES_OF_ONE_ADDRESS", 3)
    for number in range(6):
        sign_in("wrong", name=f"nobody{number}")
    assert verbs().count("person.sign_in_failed") == 3
    assert verbs().count("person.sign_in_locked") == 1


def test_accounts_are_recorded_and_passwords_never(person: User) -> None:
    ApiToken.issue(person, name="nightly")
    person.set_password("Another-Horse-8")
    person.save()
    person.is_active = False
    person.save(update_fields=["is_active"])
    person.email, person.is_superuser = "petra@example.org", True
    person.save()
    told = [verb for verb in verbs() if verb.startswith(("person.", "token."))]
    assert sorted(told[-4:]) == ["person.changed", "person.deactivated", "person.password_changed", "token.revoked"]
    assert latest("person.changed").changes == {"email": [None, "petra@example.org"], "is_superuser": [None, True]}
    everything = json.dumps(list(AuditEvent.objects.values()), default=str)
    assert "Horse" not in everything
    assert person.password not in everything


def test_a_stronger_hash_of_the_same_password_ends_nothing(person: User, settings: Any) -> None:
    token, _plain = ApiToken.issue(person, name="nightly")
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    told = verbs().count("person.password_changed")
    sign_in(PASSWORD)
    assert User.objects.get(pk=person.pk).password.startswith("pbkdf2")
    token.refresh_from_db()
    assert token.revoked_at is None
    assert verbs().count("person.password_changed") == told


def test_another_default_model_is_recorded_once(model: ModelVersion) -> None:
    sync_model(TINY_MODEL)
    assert verbs().count("model.default") == 1
    assert latest("model.default").changes["version"] == [None, model.version]


@pytest.mark.django_db(transaction=True)
def test_exports_their_downloads_and_links_are_recorded(as_admin: Api, project: Project, image: Image) -> None:
    as_admin.post(f"/projects/{project.pk}/exports", {"format": "coco"})
    call_command("db_worker", queue_name="*", batch=True, interval=0, startup_delay=False, reload=False, verbosity=0)
    made = latest("export.made")
    assert (made.actor_name, made.changes["format"], made.project_id) == ("ada", [None, "coco"], project.pk)
    file = as_admin.get(f"/projects/{project.pk}/exports").json()[0]
    as_admin.get(file["download_url"].removeprefix("/api/v1"))
    for start in (5, 10):
        as_admin.get(file["download_url"].removeprefix("/api/v1"), Range=f"bytes={start}-")
    assert verbs().count("export.downloaded") == 1
    link = as_admin.post(f"/exports/{file['id']}/link").json()
    assert body_of(Client(REMOTE_ADDR="192.0.2.9").get(link["url"], headers={"Range": "bytes=1-"}))
    shared = latest("export.downloaded")
    assert (shared.actor_id, shared.address, shared.changes["link"]) == (None, "192.0.2.9", [None, link["id"]])
    as_admin.delete(f"/export-links/{link['id']}")
    as_admin.delete(f"/exports/{file['id']}")
    assert {"link.made", "link.ended", "export.deleted"} <= set(verbs())


def test_imports_are_recorded(as_admin: Api, project: Project, image: Image) -> None:
    file = io.BytesIO(json.dumps({"images": [], "annotations": [], "categories": []}).encode())
    file.name = "labels.json"
    answer = as_admin.client.post(f"/api/v1/projects/{project.pk}/imports", {"file": file, "options": "{}"})
    row = answer.json()
    assert as_admin.post(f"/imports/{row['id']}/start", {"options": {"format": "coco"}}).status_code == 202
    job = as_admin.get(f"/imports/{row['id']}").json()["job"]
    as_admin.post(f"/jobs/{job['id']}/cancel")
    assert as_admin.delete(f"/imports/{row['id']}").status_code == 204
    assert [verb for verb in verbs() if verb.startswith("import.")] == ["import.started", "import.deleted"]
    assert latest("import.started").object_name == "labels.json"
