"""What the forms do, and what they say when they cannot."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from annotator.accounts.models import User
from annotator.accounts.stock_accounts import sign_in_file
from annotator.annotations.models import Annotation
from annotator.pages.first_start import ensure_people, load_demo
from annotator.pages.templatetags.pages import FrontendMissingError, read_vite_manifest
from annotator.projects.models import MAX_LABEL_LENGTH, Label, Membership, Project, Role


@pytest.fixture
def client(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def new_project(client: Client, *labels: tuple[str, str, str], name: str = "Birds") -> Any:
    names, colors, keys = zip(*labels, strict=True) if labels else ((), (), ())
    body = {"name": name, "label_name": names, "label_color": colors, "label_key": keys}
    return client.post("/projects/new/", body)


def test_a_project_is_made_with_its_labels_and_its_maker_as_admin(client: Client, admin: User) -> None:
    answer = new_project(client, ("Gull", "#E69F00", "1"), ("", "#56B4E9", "2"), (" Tern ", "#56B4E9", ""))
    project = Project.objects.get(name="Birds")
    assert answer["Location"] == f"/projects/{project.pk}/"
    assert list(project.labels.values_list("name", "color", "key")) == [
        ("Gull", "#E69F00", "1"),
        ("Tern", "#56B4E9", ""),
    ]
    assert Membership.objects.get(project=project).role == Role.ADMIN


@pytest.mark.parametrize(
    "labels",
    [
        [("Gull", "#E69F00", "1"), ("Gull", "#56B4E9", "2")],
        [("Gull", "#E69F00", "1"), ("Tern", "#56B4E9", "1")],
        [("Gull", "red", "1")],
        [("Gull", "#E69F00", "12")],
        [("x" * (MAX_LABEL_LENGTH + 1), "#E69F00", "")],
    ],
)
def test_wrong_labels_make_no_project_and_keep_what_was_typed(
    client: Client, labels: list[tuple[str, str, str]]
) -> None:
    answer = new_project(client, *labels)
    assert answer.status_code == 200
    assert not Project.objects.filter(name="Birds").exists()
    page = answer.content.decode()
    assert 'role="alert"' in page
    assert labels[0][0] in page


def test_a_project_needs_a_name(client: Client) -> None:
    assert "This field is required" in new_project(client, name=" ").content.decode()


def test_what_people_type_is_shown_as_text(client: Client) -> None:
    new_project(client, name="<script>alert(1)</script>")
    page = client.get("/projects/").content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_archiving_takes_a_project_out_of_the_list_and_brings_it_back(client: Client, project: Project) -> None:
    client.post(f"/projects/{project.pk}/archive/")
    assert "Street" not in client.get("/projects/").content.decode().split("Messages")[-1].split("</ul>", 1)[-1]
    assert Project.objects.get(pk=project.pk).archived_at is not None
    client.post(f"/projects/{project.pk}/archive/")
    assert Project.objects.get(pk=project.pk).archived_at is None


def test_deleting_a_label_keeps_its_masks(client: Client, project: Project, make_mask: Any) -> None:
    label = project.labels.get()
    mask = make_mask(label)
    client.post(f"/projects/{project.pk}/labels/{label.pk}/delete/", {"masks": "keep"})
    assert Annotation.objects.get(pk=mask.pk).label is None
    assert "1 mask stay" in client.get(f"/projects/{project.pk}/labels/").content.decode()


@pytest.fixture
def make_mask(project: Project) -> Any:
    import uuid

    from annotator.images.models import Image

    def make(label: Label) -> Annotation:
        image = Image.objects.create(project=project, name="a.jpg", sha256="1" * 64, width=2, height=2, byte_size=1)
        box = {"bbox_x": 0, "bbox_y": 0, "bbox_w": 2, "bbox_h": 2, "area": 4}
        stage = project.stage
        return Annotation.objects.create(id=uuid.uuid4(), image=image, label=label, counts="04", stage=stage, **box)

    return make


def test_the_last_admin_stays(client: Client, project: Project, admin: User) -> None:
    member = Membership.objects.get(project=project, user=admin)
    client.post(f"/projects/{project.pk}/members/{member.pk}/remove/")
    client.post(f"/projects/{project.pk}/members/{member.pk}/", {"role": "annotator"})
    member.refresh_from_db()
    assert member.role == Role.ADMIN
    assert "keeps at least one admin" in client.get(f"/projects/{project.pk}/members/").content.decode()


def test_only_a_server_admin_makes_accounts_from_the_members_page(
    client: Client, project: Project, admin: User
) -> None:
    body = {"username": "newcomer", "role": "annotator", "make_account": "1"}
    path = f"/projects/{project.pk}/members/"
    assert "There is no user named" in client.post(path, body).content.decode()
    User.objects.filter(pk=admin.pk).update(is_superuser=True)
    client.post(path, body)
    newcomer = User.objects.get(username="newcomer")
    assert not newcomer.is_superuser
    assert Membership.objects.get(project=project, user=newcomer).role == Role.ANNOTATOR
    assert "Their password is" in client.get(path).content.decode()


def test_the_first_people_get_random_passwords_that_are_kept_until_changed(db: None) -> None:
    first = ensure_people()
    kept = json.loads(sign_in_file().read_text())
    assert sign_in_file().stat().st_mode & 0o777 == 0o600
    assert kept["admin"] != kept["annotator"]
    assert len(kept["admin"]) >= 12
    assert User.objects.get(username="admin").check_password(kept["admin"])
    assert ensure_people() == first

    admin = User.objects.get(username="admin")
    admin.set_password("something of their own")
    admin.save()
    assert ensure_people()[0]["hint"] == "with the password that was set for it"
    assert "admin" not in json.loads(sign_in_file().read_text())
    assert User.objects.get(username="admin").check_password("something of their own")


def test_demo_password_counts_for_both(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_PASSWORD", "from-a-script")
    assert [row["hint"] for row in ensure_people()] == ["with password from-a-script"] * 2
    assert User.objects.get(username="annotator").check_password("from-a-script")


def test_the_demo_project_is_loaded_once_and_stays_away_when_it_was_archived(db: None, settings: Any) -> None:
    ensure_people()
    assert load_demo() is True
    project = Project.objects.get()
    assert project.images.count() == 8
    assert set(project.memberships.values_list("user__username", "role")) == {
        ("admin", "admin"),
        ("annotator", "annotator"),
    }
    project.delete()
    assert load_demo() is False
    assert not Project.objects.exists()


def test_the_command_line_checks_pass(db: None) -> None:
    call_command("check", fail_level="WARNING")


def test_a_missing_front_end_names_the_command_that_builds_it(tmp_path: Path) -> None:
    with pytest.raises(FrontendMissingError, match="make setup"):
        read_vite_manifest(tmp_path / "manifest.json")
