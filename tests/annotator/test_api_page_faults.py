"""POST /page-faults: an uncaught error of a page reaches the server's log, bounded in size and number."""

import logging

import pytest

from annotator.accounts.models import ApiToken, TokenScope, User
from annotator.http import page_faults_api
from annotator.http.budget import Budget
from tests.annotator.conftest import Api

FAULT = {"kind": "error", "reason": "x is not a function", "stack": "at accept (main.js:1:2)", "path": "/projects/1/"}


@pytest.fixture(autouse=True)
def fresh_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Budgets that no other test has taken from."""
    monkeypatch.setattr(page_faults_api, "PER_PERSON", Budget(3, 600))
    monkeypatch.setattr(page_faults_api, "ALTOGETHER", Budget(4, 600))


def test_it_is_logged_with_who_where_and_in_which_browser(
    as_admin: Api, admin: User, caplog: pytest.LogCaptureFixture
) -> None:
    answer = as_admin.client.post(
        "/api/v1/page-faults", data=FAULT, content_type="application/json", headers={"User-Agent": "Firefox/140\nfake"}
    )
    assert answer.status_code == 204
    (line,) = [one for one in caplog.records if one.name == "annotator.page"]
    told = line.__dict__
    assert line.levelno == logging.ERROR
    assert (told["user_id"], told["page_kind"], told["page_reason"]) == (admin.pk, "error", "x is not a function")
    assert (told["page_stack"], told["page_path"]) == (FAULT["stack"], FAULT["path"])
    assert told["browser"].startswith("Firefox/140")


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "joke"},
        {"kind": None},
        {"reason": "x" * 501},
        {"stack": "x" * 4001},
        {"path": "/" * 301},
        {"reason": 7},
    ],
)
def test_what_does_not_fit_is_refused_and_not_logged(
    as_admin: Api, caplog: pytest.LogCaptureFixture, change: dict[str, object]
) -> None:
    assert as_admin.post("/page-faults", {**FAULT, **change}).status_code == 422
    assert not [one for one in caplog.records if one.name == "annotator.page"]


def test_one_person_may_report_so_many_and_all_together_so_many(
    as_admin: Api, outsider: User, caplog: pytest.LogCaptureFixture
) -> None:
    assert [as_admin.post("/page-faults", FAULT).status_code for _ in range(5)] == [204, 204, 204, 429, 429]
    other = Api(outsider)
    assert [other.post("/page-faults", FAULT).status_code for _ in range(2)] == [204, 429]
    assert other.post("/page-faults", FAULT).json()["code"] == "too_many"
    assert len([one for one in caplog.records if one.name == "annotator.page"]) == 4


def test_outsiders_write_nothing_into_the_log(signed_out: Api, admin: User, caplog: pytest.LogCaptureFixture) -> None:
    assert signed_out.post("/page-faults", FAULT).status_code == 401
    _, token = ApiToken.issue(admin, name="script", scope=TokenScope.WRITE)
    bearer = {"Authorization": f"Bearer {token}"}
    answer = signed_out.client.post("/api/v1/page-faults", FAULT, content_type="application/json", headers=bearer)
    assert answer.status_code == 401
    without_csrf = Api(admin, enforce_csrf_checks=True)
    assert without_csrf.post("/page-faults", FAULT).status_code == 403
    assert not [one for one in caplog.records if one.name == "annotator.page"]


def test_wrong_method_is_405(as_admin: Api) -> None:
    assert as_admin.get("/page-faults").status_code == 405


def test_a_budget_fills_up_again_and_forgets_who_was_away_longest() -> None:
    seconds = 0.0
    budget = Budget(2, 10, most_keys=2, now=lambda: seconds)
    assert [budget.take("a") for _ in range(3)] == [True, True, False]
    seconds = 5.0
    assert [budget.take("a") for _ in range(2)] == [True, False]
    seconds = 100.0
    assert [budget.take("a") for _ in range(3)] == [True, True, False]
    assert [budget.take(key) for key in ("b", "c")] == [True, True]
    assert [budget.take("a") for _ in range(3)] == [True, True, False]
