"""The bar above the photo holds the longest text about saving at every width, in every language."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.gestures import paint_mask
from tests.e2e.steps import Server, wait_for_workspace
from tests.e2e.workspace_steps import annotator_page, call, image_ids, new_project, open_workspace

pytestmark = pytest.mark.e2e
NAME = "A project with quite a long name, of the harbour and its boats in the winter of 2026"
# Whatever of the bar leaves it, or lies on its neighbour; lines that an ellipsis stands for are cut, not outside.
OUTSIDE = """() => {
  const bar = document.querySelector(".bar").getBoundingClientRect();
  const place = (element) => element.getBoundingClientRect();
  const parts = [...document.querySelectorAll(".bar-where > *, .bar-ways > *, .save > *")]
    .filter((element) => place(element).width > 0).filter((element) => !element.matches(".bar-space"));
  const leaves = (element) => {
    const { left, right, top, bottom } = place(element);
    return left < 0 || right > innerWidth || top < bar.top - 0.5 || bottom > bar.bottom + 0.5;
  };
  const meets = (one, other) =>
    one !== other && !one.contains(other) && !other.contains(one) && place(one).left < place(other).right - 0.5 &&
    place(other).left < place(one).right - 0.5 && place(one).top < place(other).bottom &&
    place(other).top < place(one).bottom;
  const wrong = parts.filter((element) => leaves(element) || parts.some((other) => meets(element, other)));
  return wrong.map((element) => `${element.className}: ${element.textContent}`);
}"""
WIDTHS = ((1280, 720), (1024, 768), (768, 1024), (390, 844))
LOCALES = ("en", "ko", "zh-Hant")


@pytest.mark.parametrize(
    "is_touch", [pytest.param(False, id="mouse"), pytest.param(True, id="fingers", marks=pytest.mark.slow)]
)
def test_the_longest_text_of_saving_pushes_nothing_out_of_the_bar(
    page: Page, browser: Browser, server: Server, is_touch: bool
) -> None:
    project_id = new_project(page, server, NAME, photos=("cat.jpg", "coffee.jpg"))
    cat, coffee = image_ids(page, server, project_id)
    with annotator_page(browser, server, has_touch=is_touch, is_mobile=is_touch) as person:
        person.context.route(
            "**/operations", lambda route: route.fulfill(status=401, json={"code": "not_signed_in", "message": "no"})
        )
        fit = open_workspace(person, server, project_id, cat, masks=0)
        wait_for_workspace(person)
        paint_mask(person, fit, [(100, 100), (140, 100)], count=1)
        paint_mask(person, fit, [(100, 200), (140, 200)], count=2)
        person.keyboard.press(".")
        expect(person.get_by_role("heading", level=1)).to_have_text("coffee.jpg")
        paint_mask(person, fit, [(100, 100), (140, 100)], count=1)
        expect(person.locator(".save")).to_contain_text("2 masks of 1 other image")
        expect(person.locator(".save .button")).to_be_visible()
        # Somebody else has the image open as well.
        call(page, server, "POST", f"/images/{coffee}/presence", {"is_leaving": False})
        expect(person.locator(".people")).to_have_count(1)
        for locale in LOCALES:
            person.locator("select.language").first.select_option(locale)
            expect(person.locator("html")).to_have_attribute("lang", locale)
            for width, height in WIDTHS:
                person.set_viewport_size({"width": width, "height": height})
                wrong = person.evaluate(OUTSIDE)
                assert wrong == [], (locale, width, wrong)
                name = person.get_by_role("heading", level=1).bounding_box()
                assert name is not None
                assert name["width"] >= 70, (locale, width)
                check_full_text(person, width)


def check_full_text(person: Page, width: int) -> None:
    """Moving the focus to what is saved shows all of it, within the window."""
    save = person.locator(".save")
    save.focus()
    person.keyboard.press("Shift")  # a key makes the focus visible
    shown = save.evaluate("(element) => getComputedStyle(element, '::after').content")
    for part in save.locator(".save-words > span").all():
        assert part.inner_text() in shown
    assert person.evaluate("() => document.documentElement.scrollWidth") <= width
