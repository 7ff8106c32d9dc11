"""Language and theme, chosen once: signed out, on the account page, in the workspace; they hold everywhere."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.steps import Server, sign_in

pytestmark = pytest.mark.e2e
LIGHT, DARK = "rgb(246, 247, 249)", "rgb(20, 23, 28)"


@pytest.fixture(autouse=True)
def choices_taken_back(browser: Browser, server: Server) -> Iterator[None]:
    """Take back what a test chose: the accounts are those of every other test."""
    contexts = []
    for person in ("admin", "annotator"):
        context = browser.new_context()
        sign_in(context.new_page(), server, person)
        contexts.append(context)
    yield
    for context in contexts:
        token = next(cookie["value"] for cookie in context.cookies() if cookie["name"] == "csrftoken")
        answer = context.request.patch(
            f"{server.address}/api/v1/me/preferences",
            data={"locale": None, "theme": None},
            headers={"X-CSRFToken": token},
        )
        assert answer.ok
        context.close()


def ground(page: Page) -> str:
    """Return the colour that the page stands on."""
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_the_choice_of_the_sign_in_page_holds_in_the_workspace_and_back(browser: Browser, server: Server) -> None:
    context = browser.new_context(color_scheme="light", locale="de")
    page = context.new_page()
    page.goto(f"{server.address}/login/")
    assert ground(page) == LIGHT
    page.get_by_role("button", name="한국어").click()
    expect(page.get_by_role("heading", name="Maskwright 로그인")).to_be_visible()
    page.get_by_role("button", name="어둡게").click()
    expect(page.get_by_role("button", name="어둡게")).to_have_attribute("aria-pressed", "true")
    assert ground(page) == DARK

    page.get_by_label("사용자 이름").fill("annotator")
    page.get_by_label("비밀번호").fill(server.password)
    page.get_by_role("button", name="로그인").click()
    page.get_by_role("link", name="Demo: free photos").click()
    expect(page.get_by_role("heading", name="Demo: free photos")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "ko"
    page.get_by_role("link", name="cat.jpg 열기").click()
    expect(page.get_by_role("combobox", name="언어")).to_have_value("ko")
    assert ground(page) == DARK

    with page.expect_response(lambda answer: answer.url.endswith("/me/preferences") and answer.ok):
        page.get_by_role("combobox", name="테마").select_option("light")
    assert ground(page) == LIGHT
    with page.expect_response(lambda answer: answer.url.endswith("/me/preferences") and answer.ok):
        page.get_by_role("combobox", name="언어").select_option("zh-Hant")
    expect(page.get_by_role("combobox", name="佈景主題")).to_have_value("light")

    page.goto(f"{server.address}/projects/")
    expect(page.get_by_role("heading", name="專案", exact=True)).to_be_visible()
    assert ground(page) == LIGHT
    page.get_by_role("button", name="登出").click()
    expect(page.get_by_role("heading", name="登入 Maskwright")).to_be_visible()
    context.close()


def test_the_system_is_followed_where_it_was_chosen(page: Page, server: Server) -> None:
    page.goto(f"{server.address}/account/")
    page.get_by_role("button", name="System", exact=True).click()
    expect(page.get_by_role("button", name="System", exact=True)).to_have_attribute("aria-pressed", "true")
    page.goto(f"{server.address}/projects/")
    page.get_by_role("link", name="Demo: free photos").click()
    page.get_by_role("link", name="Open cat.jpg").click()
    expect(page.get_by_role("combobox", name="Theme")).to_have_value("system")
    page.emulate_media(color_scheme="light")
    assert ground(page) == LIGHT
    page.emulate_media(color_scheme="dark")
    assert ground(page) == DARK


def test_page_scripts_speak_the_chosen_language(page: Page, server: Server) -> None:
    page.goto(f"{server.address}/account/")
    page.get_by_role("button", name="繁體中文").click()
    page.get_by_label("名稱", exact=True).fill("nightly")
    page.get_by_role("button", name="建立權杖").click()
    expect(page.get_by_text("請立即保存：它只顯示這一次。")).to_be_visible()
    page.get_by_role("button", name="撤銷 nightly").click()
    expect(page.get_by_text("權杖已撤銷")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Account")).to_be_visible()
