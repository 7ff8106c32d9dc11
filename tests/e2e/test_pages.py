"""The pages around the workspace: who sees what, what they weigh, and how they hold up in a browser."""

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from tests.e2e.steps import Server, make_project, sign_in

pytestmark = pytest.mark.e2e
FIRST_PAGE_BYTES = 200_000


def test_an_outsider_learns_nothing_of_a_project(page: Page, browser: Browser, server: Server) -> None:
    project_id = make_project(page, server, "Secret plans", ["Thing"])
    context = browser.new_context()
    outsider = context.new_page()
    sign_in(outsider, server, "annotator")
    assert "Secret plans" not in outsider.content()
    answer = outsider.goto(f"{server.address}/projects/{project_id}/")
    assert answer is not None
    assert answer.status == 404
    assert "Secret plans" not in outsider.content()
    expect(outsider.get_by_role("heading", name="There is nothing here")).to_be_visible()
    context.close()


def test_an_annotator_sees_the_demo_project_without_what_only_admins_do(browser: Browser, server: Server) -> None:
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, server, "annotator")
    page.get_by_role("link", name="Demo: free photos").click()
    expect(page.get_by_role("link", name="Open cat.jpg")).to_be_visible()
    expect(page.get_by_role("link", name="Exports")).to_have_count(0)
    expect(page.get_by_label("Choose photos or a zip")).to_have_count(0)
    expect(page.get_by_role("button", name="Start annotating")).to_be_enabled()
    context.close()


def test_a_wrong_password_is_answered_in_words(browser: Browser, server: Server) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{server.address}/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not go together")
    context.close()


def test_the_first_page_is_light(browser: Browser, server: Server) -> None:
    """All that the sign-in page and the projects page load, as it crosses the wire."""
    context = browser.new_context()
    page = context.new_page()
    answers: list[Response] = []

    def keep(answer: Response) -> None:
        answers.append(answer)

    page.on("response", keep)
    sign_in(page, server)
    page.wait_for_load_state("networkidle")
    sizes: dict[str, int] = {}
    for one in answers:  # the second page has the styles from the cache, which Chromium counts as less than nothing
        if "/api/" not in one.url:
            sizes[one.url] = max(sizes.get(one.url, 0), one.request.sizes()["responseBodySize"])
    assert 0 < sum(sizes.values()) < FIRST_PAGE_BYTES, sizes
    context.close()


def test_labels_can_be_added_changed_and_deleted(page: Page, server: Server) -> None:
    make_project(page, server, "Labels", ["Cat"])
    page.get_by_role("navigation", name="Project").get_by_role("link", name="Labels").click()
    page.get_by_label("Name", exact=True).fill("Dog")
    page.get_by_role("button", name="Add label").click()
    expect(page.get_by_label("Name of Dog")).to_be_visible()
    page.get_by_label("Name of Dog").fill("Wolf")
    page.get_by_role("button", name="Save Dog").click()
    expect(page.get_by_label("Name of Wolf")).to_be_visible()
    page.get_by_role("button", name="Delete Wolf").click()
    expect(page.get_by_label("Name of Wolf")).to_have_count(0)
    expect(page.get_by_label("Name of Cat")).to_be_visible()


def test_the_workspace_is_isolated_so_that_wasm_may_use_threads(page: Page, server: Server) -> None:
    page.get_by_role("link", name="Demo: free photos").click()
    page.get_by_role("link", name="Open cat.jpg").click()
    page.wait_for_url("**/images/*/")
    assert page.evaluate("crossOriginIsolated") is True


def test_a_token_is_shown_once_works_and_can_be_revoked(page: Page, browser: Browser, server: Server) -> None:
    page.goto(f"{server.address}/account/")
    page.get_by_label("Name", exact=True).fill("nightly")
    page.get_by_role("button", name="Make a token").click()
    expect(page.get_by_text("it is shown this once")).to_be_visible()
    token = page.locator("[data-token-shown] code").inner_text()
    context = browser.new_context(extra_http_headers={"Authorization": f"Bearer {token}"})
    assert context.request.get(f"{server.address}/api/v1/me").json()["username"] == "admin"

    page.reload()
    assert token not in page.content()
    page.get_by_role("button", name="Revoke nightly").click()
    expect(page.get_by_text("The token is revoked")).to_be_visible()
    assert context.request.get(f"{server.address}/api/v1/me").status == 401
    context.close()
