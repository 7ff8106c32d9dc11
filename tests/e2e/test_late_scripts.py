"""A page whose scripts are late: what only they answer cannot be pressed before, and nothing is lost."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.steps import Server
from tests.e2e.workspace_steps import add_mask, image_ids, new_project

pytestmark = pytest.mark.e2e
SCRIPTS = re.compile(r"/static/js/(?!faults)[\w-]+(\.\w+)?\.js")
# What the browser alone answers with nothing, or by sending a form that no address of the server expects.
PRESSABLE = """() => {
  const answered = "button[type=button], form:not([method]) button, input[type=file]";
  return [...document.querySelector("#main").querySelectorAll(answered)]
    .filter((control) => !control.matches(":disabled") && control.checkVisibility())
    .map((control) => control.outerHTML);
}"""


class HeldScripts:
    """The page's scripts, on their way until they are let go."""

    def __init__(self, page: Page) -> None:
        self.held: list[Route] = []
        self.is_open = False
        page.route(SCRIPTS, self._hold)

    def _hold(self, route: Route) -> None:
        if self.is_open:
            route.continue_()
        else:
            self.held.append(route)

    def let_go(self) -> None:
        """Let the scripts come, also those that they ask for."""
        self.is_open = True
        for route in self.held:
            route.continue_()


def open_without_scripts(page: Page, address: str) -> HeldScripts:
    """Open a page as it is before its scripts have come."""
    scripts = HeldScripts(page)
    with page.expect_request(SCRIPTS):
        page.goto(address, wait_until="commit")
    expect(page.locator("#main")).to_be_visible()
    return scripts


def test_a_token_asked_for_before_the_script_has_come_is_made_once_it_has(page: Page, server: Server) -> None:
    scripts = open_without_scripts(page, f"{server.address}/account/")
    make = page.get_by_role("button", name="Make a token")
    expect(make).to_be_disabled()
    expect(page.locator("#token-name")).to_be_disabled()
    place = make.bounding_box()
    assert place is not None
    page.mouse.click(place["x"] + 5, place["y"] + 5)
    assert page.url == f"{server.address}/account/"
    scripts.let_go()
    page.locator("#token-name").fill("late script")
    make.click()
    expect(page.get_by_text("Keep it now: it is shown this once.")).to_be_visible()
    page.get_by_role("button", name="Revoke late script").click()
    expect(page.get_by_text("The token is revoked")).to_be_visible()


@pytest.mark.parametrize("path", ["", "exports/", "imports/", "automatic/", "new"])
def test_no_control_of_a_script_can_be_pressed_before_it_listens(page: Page, server: Server, path: str) -> None:
    project_id = new_project(page, server, f"Late: {path}")
    (image_id,) = image_ids(page, server, project_id)
    add_mask(page, server, image_id, (10, 10, 40, 40))
    address = "/projects/new/" if path == "new" else f"/projects/{project_id}/{path}"
    scripts = open_without_scripts(page, server.address + address)
    assert page.evaluate(PRESSABLE) == []
    scripts.let_go()
    expect(page.locator("[data-scripted]:disabled")).to_have_count(0)
