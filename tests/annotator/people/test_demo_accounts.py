"""The demo's accounts exist in the demo only, and elsewhere `check` warns while one of its passwords works."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import Client

from annotator.accounts.models import User
from annotator.accounts.stock_accounts import sign_in_file
from annotator.inference.models import ModelVersion
from annotator.pages.first_start import ensure_people
from annotator.projects.models import Project

WARNED = {"fail_level": "WARNING"}


@pytest.fixture
def start(model: ModelVersion, settings: Any) -> Callable[..., list[dict[str, str]]]:
    """Prepare a start of a team's server whose model is there."""
    settings.DEMO = False

    def run(*arguments: str) -> list[dict[str, str]]:
        out = StringIO()
        call_command("prepare_start", *arguments, stdout=out)
        rows: list[dict[str, str]] = json.loads(out.getvalue())["sign_ins"]
        return rows

    return run


def test_a_teams_server_starts_with_one_admin_whose_password_is_said_once(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMO_PASSWORD", "known-to-many")
    rows = start()
    password = rows[0]["hint"].split()[2]
    admin = User.objects.get()
    assert (admin.username, admin.is_superuser, admin.check_password(password)) == ("admin", True, True)
    assert not admin.check_password("known-to-many")
    assert not sign_in_file().exists()
    assert not Project.objects.exists()
    assert start() == []
    assert User.objects.count() == 1
    call_command("ensure_admin")
    assert User.objects.get().check_password(password)


def test_no_admin_is_made_where_somebody_is_one_or_has_the_name(start: Any, make_user: Callable[[str], User]) -> None:
    make_user("admin")
    assert start() == []
    User.objects.update(is_superuser=True, username="root")
    assert start() == []
    assert User.objects.count() == 1


def test_without_demo_is_the_same_by_option(start: Any, settings: Any) -> None:
    settings.DEMO = True
    assert [row["username"] for row in start("--without-demo")] == ["admin"]
    assert not User.objects.filter(username="annotator").exists()


def test_the_check_names_each_account_that_a_demo_password_opens(db: None, settings: Any) -> None:
    ensure_people()
    call_command("check", **WARNED)
    settings.DEMO = False
    with pytest.raises(SystemCheckError) as caught:
        call_command("check", **WARNED)
    assert str(caught.value).count("maskwright.W002") == 2
    assert "“annotator”" in str(caught.value)
    User.objects.filter(username="annotator").update(is_active=False)
    admin = User.objects.get(username="admin")
    admin.set_password("something of their own")
    admin.save()
    call_command("check", **WARNED)


def test_the_check_knows_demo_password(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DEMO = False
    User.objects.create_superuser(username="admin", password="known-to-many")
    call_command("check", **WARNED)
    monkeypatch.setenv("DEMO_PASSWORD", "known-to-many")
    with pytest.raises(SystemCheckError, match="“admin”"):
        call_command("check", **WARNED)


@pytest.mark.parametrize("text", ["", "[1]", "{broken", '{"admin": 7}'])
def test_a_broken_file_of_passwords_breaks_no_check(db: None, settings: Any, text: str) -> None:
    settings.DEMO = False
    User.objects.create_superuser(username="admin", password="x")
    sign_in_file().write_text(text)
    call_command("check", **WARNED)


def test_the_sign_in_page_says_who_helps(db: None, settings: Any) -> None:
    assert "The terminal that started Maskwright" in Client().get("/login/").content.decode()
    settings.DEMO = False
    page = Client().get("/login/").content.decode()
    assert "An administrator of this server" in page
    assert "terminal" not in page
