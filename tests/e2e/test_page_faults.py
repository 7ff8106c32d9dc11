"""Whatever fails that nobody foresaw is told in one sentence, with what is kept, and reaches the server's log."""

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.conftest import PATIENCE_MS
from tests.e2e.gestures import draw_stroke, expect_saved, paint_mask
from tests.e2e.steps import Server, expect_masks, fit_of, sign_in, wait_for_workspace
from tests.e2e.workspace_steps import image_ids, new_project

pytestmark = pytest.mark.e2e
WIDTH, HEIGHT = 451, 300
BAR = [(40.0, 40.0), (90.0, 40.0)]
BUNDLE = re.compile(r"/static/dist/assets/main-[^/]*\.js$")
SAFE = "What was saved is safe on the server"


@pytest.fixture
def person(browser: Browser, server: Server) -> Iterator[Page]:
    """A signed-in page whose console may complain: here something is meant to fail."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-US")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    sign_in(page, server)
    yield page
    context.close()


@pytest.fixture
def workspace(person: Page, server: Server) -> str:
    """The address of a photo's workspace; the page is not there yet."""
    project_id = new_project(person, server, "Faults of pages")
    (image_id,) = image_ids(person, server, project_id)
    return f"{server.address}/projects/{project_id}/images/{image_id}/"


def logged(server: Server, reason: str) -> list[dict[str, Any]]:
    """Return the lines of the server's log about a fault."""
    lines = [line for file in (server.data_dir / "logs").glob("*") for line in file.read_text().splitlines()]
    told = [json.loads(line) for line in lines if '"uncaught error in a page"' in line]
    return [line for line in told if reason in line["page_reason"]]


@pytest.mark.parametrize("fail", ["setTimeout(() => { throw new Error(why) })", "void Promise.reject(new Error(why))"])
def test_the_workspace_says_what_is_kept_and_goes_on(person: Page, server: Server, workspace: str, fail: str) -> None:
    person.goto(workspace)
    wait_for_workspace(person)
    why = f"invented {uuid.uuid4()}"
    with person.expect_response("**/page-faults") as answer:
        person.evaluate(f"(why) => {{ {fail} }}", why)
    assert answer.value.status == 204
    notice = person.get_by_role("alert").filter(has_text=why)
    expect(notice).to_contain_text("All your masks are saved.")
    expect(notice.get_by_role("button", name="Reload")).to_be_visible()
    (line,) = logged(server, why)
    assert line["level"] == "error"
    assert workspace.endswith(line["page_path"])
    paint_mask(person, fit_of(person, WIDTH, HEIGHT), BAR, count=1)
    expect_saved(person)


def test_what_is_not_saved_yet_is_counted(person: Page, workspace: str) -> None:
    person.goto(workspace)
    wait_for_workspace(person)
    person.context.set_offline(True)
    paint_mask(person, fit_of(person, WIDTH, HEIGHT), BAR, count=1)
    expect(person.locator("[data-save-state=offline]")).to_be_visible()
    person.evaluate("setTimeout(() => { throw new Error('invented offline') })")
    notice = person.get_by_role("alert").filter(has_text="invented offline")
    expect(notice).to_contain_text("1 of your changes are kept on this device")


def test_the_same_fault_again_and_again_is_told_once(person: Page, workspace: str) -> None:
    person.goto(workspace)
    wait_for_workspace(person)
    reports: list[str] = []
    person.on("request", lambda request: reports.append(request.url) if "page-faults" in request.url else None)
    many = "for (let i = 0; i < 50; i++) setTimeout(() => { throw new Error(`invented ${i % %s}`) })"
    person.evaluate(many.replace("%s", "1"))
    expect(person.get_by_role("alert").filter(has_text="invented 0")).to_have_count(1)
    assert len(reports) == 1
    person.evaluate(many.replace("%s", "50"))
    expect(person.get_by_role("alert").filter(has_text="invented 49")).to_have_count(1)
    assert len(reports) == 5, "a page reports no more than that"


def test_a_panel_that_fails_does_not_stop_the_work(person: Page, workspace: str) -> None:
    """The bar and the list of masks write numbers once a mask is kept; where numbers fail, the photo is still there."""
    person.goto(workspace)
    wait_for_workspace(person)
    fit = fit_of(person, WIDTH, HEIGHT)
    person.evaluate("() => { Intl.NumberFormat = class { constructor() { throw new Error('invented number') } } }")
    person.keyboard.press("r")
    draw_stroke(person, fit, BAR)
    person.keyboard.press("Enter")
    expect(person.get_by_text("This part of the page failed.").first).to_be_visible()
    expect(person.get_by_role("alert").filter(has_text="invented number").first).to_be_visible()
    with person.expect_response("**/operations"):
        draw_stroke(person, fit, [(40.0, 200.0), (90.0, 200.0)])
        person.keyboard.press("Enter")
    person.reload()
    wait_for_workspace(person)
    expect_masks(person, 2)


def abort(route: Route) -> None:
    """Let a request fail on its way."""
    route.abort()


def garbled(route: Route) -> None:
    """Answer with a script that no browser understands."""
    route.fulfill(content_type="text/javascript", body="this is no script")


def failing(route: Route) -> None:
    """Answer with a script that throws as soon as it runs."""
    route.fulfill(content_type="text/javascript", body="throw new Error('invented at the start')")


@pytest.mark.parametrize("answer", [abort, garbled, failing])
def test_a_bundle_that_does_not_start_leaves_no_empty_page(person: Page, workspace: str, answer: Any) -> None:
    person.route(BUNDLE, answer)
    with person.expect_response("**/page-faults"):
        person.goto(workspace)
    expect(person.get_by_role("alert")).to_contain_text(SAFE)
    expect(person.get_by_text("Opening the workspace")).to_be_visible()
    person.unroute(BUNDLE)
    person.get_by_role("button", name="Reload").click()
    wait_for_workspace(person)


def test_a_start_that_fails_leaves_no_empty_page(person: Page, workspace: str) -> None:
    person.add_init_script("Object.defineProperty(Element.prototype, 'replaceChildren', { value: undefined })")
    person.goto(workspace)
    expect(person.get_by_role("alert")).to_contain_text(SAFE)
    expect(person.get_by_text("Opening the workspace")).to_be_visible()


def test_without_any_script_the_page_says_so_by_itself(
    browser: Browser, server: Server, workspace: str, person: Page
) -> None:
    storage = person.context.storage_state()
    context = browser.new_context(storage_state=storage, java_script_enabled=False)
    page = context.new_page()
    page.goto(workspace)
    page.evaluate("document.getAnimations().forEach((animation) => animation.finish())")  # as if time had passed
    expect(page.get_by_text("It takes longer than it should.")).to_be_visible()
    expect(page.get_by_role("link", name="Back to the project")).to_be_visible()
    context.close()


def test_the_pages_around_the_workspace_tell_it_too(person: Page, server: Server) -> None:
    why = f"invented {uuid.uuid4()}"
    with person.expect_response("**/page-faults") as answer:
        person.evaluate("(why) => { setTimeout(() => { throw new Error(why) }) }", why)
    assert answer.value.status == 204
    alert = person.get_by_role("alert")
    expect(alert).to_contain_text(why)
    alert.get_by_role("button", name="Close this message").click()
    expect(alert).to_have_count(0)
    assert len(logged(server, why)) == 1


def test_what_is_no_fault_of_the_page_is_not_told(person: Page) -> None:
    person.evaluate("""() => {
        void Promise.reject(new DOMException("given up", "AbortError"));
        window.dispatchEvent(new ErrorEvent("error", { message: "ResizeObserver loop limit exceeded" }));
        window.dispatchEvent(new ErrorEvent("error", { message: "x", filename: "chrome-extension://abc/x.js" }));
    }""")
    person.evaluate("new Promise((resolve) => setTimeout(resolve))")
    expect(person.get_by_role("alert")).to_have_count(0)
