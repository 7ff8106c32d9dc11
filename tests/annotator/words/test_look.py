"""Language and theme: the account first, then the browser's cookie, then what the browser asks for."""

import json
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from annotator.accounts import preferences
from annotator.accounts.models import User
from annotator.projects.models import Project

GERMAN, KOREAN = {"accept-language": "de"}, {"accept-language": "ko-KR,ko;q=0.9"}


def page(client: Client, path: str = "/login/", headers: dict[str, str] | None = None) -> str:
    return client.get(path, headers=headers).content.decode()


@pytest.fixture
def signed_in(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def test_signed_out_pages_speak_the_browsers_language_until_another_is_chosen(db: None) -> None:
    client = Client()
    assert '<html lang="en">' in page(client, headers=GERMAN)
    assert "로그인" in page(client, headers=KOREAN)
    answer = client.post("/look/", {"language": "zh-hant", "next": "/login/"})
    assert (answer.status_code, answer["Location"]) == (302, "/login/")
    assert '<html lang="zh-hant">' in page(client, headers=KOREAN)
    assert "登入" in page(client, headers=KOREAN)


def test_the_account_has_the_first_word(signed_in: Client, admin: User) -> None:
    signed_in.cookies["django_language"] = "zh-hant"
    assert "專案" in page(signed_in, "/projects/", headers=KOREAN)
    admin.preferences = {"locale": "ko"}
    admin.save()
    assert "프로젝트" in page(signed_in, "/projects/", headers=GERMAN)


def test_pages_and_workspace_share_the_choice(signed_in: Client, admin: User) -> None:
    signed_in.post("/look/", {"language": "ko"})
    signed_in.post("/look/", {"theme": "light"})
    admin.refresh_from_db()
    assert admin.preferences == {"locale": "ko", "theme": "light"}
    changes = json.dumps({"locale": "zh-Hant", "theme": "dark"})  # as the workspace writes them
    answer = signed_in.patch("/api/v1/me/preferences", changes, content_type="application/json")
    assert answer.cookies["django_language"].value == "zh-hant"
    assert answer.cookies["theme"].value == "dark"
    assert '<html lang="zh-hant">' in page(signed_in, "/projects/")
    signed_in.post("/logout/")
    assert '<html lang="zh-hant">' in page(signed_in)
    assert '<meta name="color-scheme" content="dark">' in page(signed_in)


@pytest.mark.parametrize("nonsense", [{"language": "xx"}, {"theme": "pink"}, {"language": "../ko"}, {}])
def test_nonsense_is_not_kept(signed_in: Client, admin: User, nonsense: dict[str, str]) -> None:
    answer = signed_in.post("/look/", nonsense)
    assert answer.status_code == 302
    assert not answer.cookies
    admin.refresh_from_db()
    assert admin.preferences == {}


@pytest.mark.parametrize("stored", [7, None, ["ko"], {"a": 1}, "xx", "ko "])
def test_preferences_that_hold_no_language_or_theme_are_passed_over(
    stored: Any, admin: User, signed_in: Client
) -> None:
    User.objects.filter(pk=admin.pk).update(preferences={"locale": str(stored)[:2], "theme": stored or 0})
    assert signed_in.get("/projects/").status_code == 200
    assert preferences.read_language({"locale": stored}) == preferences.read_theme({"theme": stored}) == ""


@pytest.mark.parametrize(
    "elsewhere", ["https://example.com/", "//example.com", "javascript:alert(1)", "\\\\example.com"]
)
def test_the_way_back_stays_on_this_server(db: None, elsewhere: str) -> None:
    assert Client().post("/look/", {"language": "ko", "next": elsewhere})["Location"] == "/"


def test_choosing_takes_a_form_of_ours(admin: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    assert client.post("/look/", {"language": "ko"}).status_code == 403
    assert client.get("/look/").status_code == 405


def test_the_theme_is_chosen_by_the_server_so_that_nothing_flashes(db: None) -> None:
    client = Client()
    assert 'href="/static/css/dark.css" media="(prefers-color-scheme: dark)"' in page(client)
    client.post("/look/", {"theme": "dark"})
    assert '<link rel="stylesheet" href="/static/css/dark.css">' in page(client)
    client.post("/look/", {"theme": "light"})
    assert "dark.css" not in page(client)
    client.post("/look/", {"theme": "system"})
    assert 'media="(prefers-color-scheme: dark)"' in page(client)


def test_a_database_that_does_not_answer_costs_the_choice_not_the_page(
    signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fail(request: Any) -> Any:
        asked.append(request.path)
        raise OperationalError("gone")

    monkeypatch.setattr("django.contrib.auth.get_user", fail)
    assert signed_in.get("/health/live").status_code == 200
    assert asked == ["/health/live"]


def test_errors_of_the_api_are_said_in_the_persons_language(signed_in: Client, admin: User, project: Project) -> None:
    missing = f"/api/v1/projects/{project.pk + 1000}"
    assert signed_in.get(missing).json()["message"] == "There is no such project."
    admin.preferences = {"locale": "ko"}
    admin.save()
    answer = signed_in.get(missing).json()
    assert (answer["code"], answer["message"]) == ("not_found", "그런 프로젝트가 없습니다.")
    assert Client().get("/api/v1/me", HTTP_ACCEPT_LANGUAGE="zh-TW").json()["message"] == "請先登入。"


def test_error_pages_speak_it_too(admin: User, project: Project, annotator: User) -> None:
    assert "여기에는 아무것도 없습니다" in page(Client(), "/nowhere/", headers=KOREAN)
    strict = Client(enforce_csrf_checks=True)
    assert "페이지를 너무 오래 열어 두었습니다" in strict.post("/login/", {}, headers=KOREAN).content.decode()
    member = Client()
    member.force_login(annotator)
    assert "권한이 없습니다" in page(member, f"/projects/{project.pk}/settings/", headers=KOREAN)


def test_the_page_for_a_crash_speaks_and_keeps_the_theme(
    signed_in: Client, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_arguments: Any, **_names: Any) -> Any:
        raise RuntimeError("a bug")

    signed_in.post("/look/", {"language": "zh-hant"})
    signed_in.post("/look/", {"theme": "dark"})
    signed_in.raise_request_exception = False
    monkeypatch.setattr("annotator.pages.views.projects.list_projects", crash)
    answer = signed_in.get("/projects/")
    assert answer.status_code == 500
    assert "伺服器發生問題" in answer.content.decode()
    assert '<link rel="stylesheet" href="/static/css/dark.css">' in answer.content.decode()


def test_page_scripts_get_their_texts(db: None) -> None:
    client = Client()
    client.post("/look/", {"language": "ko"})
    answer = client.get("/words.js")
    assert answer["Content-Type"].startswith("text/javascript")
    assert "\\uc774\\ubbf8 \\ud504\\ub85c\\uc81d\\ud2b8\\uc5d0 \\uc788\\uc2b5\\ub2c8\\ub2e4." in answer.content.decode()
    assert '<script src="/words.js?ko" defer></script>' in page(client)
    assert "words.js" not in page(Client())
