"""From an invitation to a deactivated account, in two real browsers, on a phone's screen too."""

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.e2e.steps import Server, make_project

pytestmark = pytest.mark.e2e
PHONE: ViewportSize = {"width": 390, "height": 844}
PASSWORD = "Correct-Horse-7"


def fits(page: Page) -> bool:
    """Say whether the page is no wider than the screen."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def test_an_invited_person_joins_works_and_is_deactivated(page: Page, browser: Browser, server: Server) -> None:
    project_id = make_project(page, server, "By invitation", ["Cat"])
    page.goto(f"{server.address}/people/")
    page.get_by_role("link", name="Invite by link").click()
    page.get_by_label("For whom").fill("Kim")
    page.get_by_role("button", name="Make an invitation link").click()
    expect(page.get_by_role("button", name="Copy")).to_be_enabled()
    link = page.locator("[data-link-shown] code").inner_text()

    kim = browser.new_context(viewport=PHONE).new_page()
    kim.goto(link)
    assert fits(kim)
    kim.get_by_label("User name").fill("kim")
    kim.get_by_label("Password", exact=True).fill(PASSWORD)
    kim.get_by_label("Password, once more").fill(PASSWORD)
    kim.get_by_role("button", name="Make the account and sign in").click()
    expect(kim.get_by_role("heading", name="No projects yet")).to_be_visible()

    page.goto(f"{server.address}/projects/{project_id}/members/")
    page.get_by_role("button", name="Make an invitation link").click()
    kim.goto(page.locator("[data-link-shown] code").inner_text())
    expect(kim.get_by_text("invites you to the project “By invitation”")).to_be_visible()
    kim.get_by_role("button", name="Join").click()
    expect(kim.get_by_text("You are now a member of “By invitation”.")).to_be_visible()

    page.set_viewport_size(PHONE)
    for place in ("/people/?search=kim", f"/projects/{project_id}/members/"):
        page.goto(f"{server.address}{place}")
        assert fits(page)
    page.get_by_role("link", name="kim").click()
    assert fits(page)
    page.get_by_role("button", name="Deactivate the account").click()
    expect(page.get_by_text("kim is signed out everywhere and cannot sign in.")).to_be_visible()
    kim.reload()
    expect(kim.get_by_role("heading", name="Sign in to Maskwright")).to_be_visible()
    kim.context.close()
