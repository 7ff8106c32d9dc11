"""Every page, rendered in each language, holds no English sentence and no place that was not filled in."""

import re
import uuid
from html.parser import HTMLParser

import pytest
from django.test import Client

from annotator.accounts.account_links import make_invite, make_password_link
from annotator.accounts.models import ApiToken, User
from annotator.annotations.models import Annotation
from annotator.exchange.models import ImportRun
from annotator.images.models import Image
from annotator.jobs.models import Job
from annotator.projects.models import Label, Project
from annotator.training.snapshots import DatasetFilters, freeze

PAGES = [
    "/projects/", "/projects/new/", "/models/", "/account/", "/account/password/", "/nowhere/", "/people/",
    "/people/new/", "/people/invite/", "/people/{person}/", "/join/", "/projects/{pk}/",
    "/projects/{pk}/?status=failed", "/projects/{pk}/labels/", "/projects/{pk}/members/", "/projects/{pk}/queue/",
    "/projects/{pk}/review/", "/projects/{pk}/automatic/", "/projects/{pk}/dashboard/",
    "/projects/{pk}/dashboard/?stage=semi_automatic", "/projects/{pk}/imports/", "/projects/{pk}/imports/{run}/",
    "/projects/{pk}/exports/", "/projects/{pk}/settings/", "/projects/{pk}/datasets/",
    "/projects/{pk}/datasets/{dataset}/?with={earlier}",
]  # fmt: skip
SPOKEN = {"aria-label", "title", "placeholder", "alt"}
ENGLISH = re.compile(r"\b[A-Za-z]+(?: [a-z]{2,}){2,}")
UNFILLED = re.compile(r"%\(\w+\)s|\{\{|\{%")


class Words(HTMLParser):
    """The texts that people read or hear; code and scripts left out, and what is marked with its own language."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in ("script", "style", "code", "textarea")
        self.texts += [value or "" for name, value in attrs if name in SPOKEN]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("script", "style", "code", "textarea")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.texts.append(data)


def words_of(html: str) -> list[str]:
    reader = Words()
    reader.feed(html)
    return [text for text in reader.texts if text.strip()]


@pytest.fixture
def furnished(project: Project, admin: User, make_user: object) -> str:
    """Fill a project so that its pages show their tables, and return the id of its import."""
    User.objects.filter(pk=admin.pk).update(is_superuser=True)
    Label.objects.create(project=project, name="Bird", color="#112233", key="7")
    ApiToken.issue(admin, name="nightly")
    make_invite(admin, note="Wei")
    User.objects.create_user(username="wei")
    Job.objects.create(project=project, kind="automatic", status="failed", error="The file is empty.")
    Job.objects.create(project=project, kind="export", status="cancelled", params={"name": "x", "options": {}})
    report = {"masks": {"created": 2, "refused": 1, "read": 3}, "images": {"matched": 1, "added": 0, "unknown": 0},
              "codes": {"empty_mask": 1},
              "problems": [{"place": "7", "reason": "The mask has no pixels."}]}  # fmt: skip
    run = ImportRun.objects.create(project=project, name="masks.json", format="coco", preview=report, created_by=admin)
    return str(run.pk)


@pytest.fixture
def versions(project: Project, admin: User) -> list[int]:
    """Two dataset versions, the earlier one first, that differ by a mask."""
    image = Image.objects.create(
        project=project, name="a.jpg", sha256="0" * 64, width=1, height=1, byte_size=1, work_status="submitted"
    )
    found = []
    for _ in range(2):
        Annotation.objects.create(
            id=uuid.uuid4(), image=image, counts="01", bbox_x=0, bbox_y=0, bbox_w=1, bbox_h=1, area=1, author=admin
        )
        filters = DatasetFilters(people=[admin.pk], labels=[0], created_from=image.created_at)
        found.append(freeze(project, filters=filters, user=admin).pk)
    return found


@pytest.mark.parametrize("language", ["ko", "zh-hant"])
@pytest.mark.parametrize("path", PAGES)
def test_no_page_falls_back_to_english(
    path: str, language: str, furnished: str, versions: list[int], project: Project, admin: User
) -> None:
    client = Client()
    client.force_login(admin)
    client.post("/look/", {"language": language})
    wei = User.objects.get(username="wei")
    earlier, dataset = versions
    named = {"pk": project.pk, "run": furnished, "person": wei.pk, "earlier": earlier, "dataset": dataset}
    html = client.get(path.format(**named)).content.decode()
    assert f'<html lang="{language}">' in html
    own = {project.name, project.description}
    english = [text for text in words_of(html) if ENGLISH.search(text) and text.strip() not in own]
    assert english == []
    assert not UNFILLED.search(html)


@pytest.mark.parametrize("language", ["ko", "zh-hant"])
def test_forms_answer_in_the_persons_language(language: str, furnished: str, project: Project, admin: User) -> None:
    client = Client()
    client.force_login(admin)
    client.post("/look/", {"language": language})
    for path, body in (
        ("/projects/new/", {"name": ""}),
        (f"/projects/{project.pk}/labels/", {"name": "", "color": "red", "questions": "What"}),
        (f"/projects/{project.pk}/members/", {"username": "nobody", "role": "king"}),
        (f"/projects/{project.pk}/settings/", {"name": ""}),
        ("/people/new/", {"username": "a b"}),
        (f"/people/{admin.pk}/", {"email": "none"}),
        ("/join/", {"link": make_invite(admin)[1], "username": "a b", "password": "1", "again": "1"}),
        ("/join/", {"link": make_password_link(admin, admin)[1], "password": "1", "again": "2"}),
        ("/account/password/", {"old_password": "x", "new_password1": "1", "new_password2": "2"}),
    ):
        html = client.post(path, body).content.decode()
        assert 'role="alert"' in html
        assert [text for text in words_of(html) if ENGLISH.search(text)] == []
