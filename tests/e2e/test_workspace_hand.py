"""Nothing in the way of the hand: what a tool changes, labels, suggestions by keyboard, gaps, points, scores."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.gestures import wait_for_candidates
from tests.e2e.steps import Server, click_image, expect_masks, fit_of, read_masks, wait_for_workspace
from tests.e2e.workspace_steps import (
    CAT_HEIGHT,
    CAT_WIDTH,
    add_mask,
    annotator_page,
    drag,
    expect_saved,
    image_ids,
    new_project,
    open_workspace,
    rows,
)

pytestmark = pytest.mark.e2e
SQUARE = (100, 60, 300, 220)
# What lies over the photo, among places all over the stage.
COVERED = """() => {
  const stage = document.querySelector("canvas.overlay").getBoundingClientRect();
  const places = Array.from({ length: 400 }, (_, i) => [((i % 20) + 0.5) / 20, (Math.floor(i / 20) + 0.5) / 20]);
  const over = places.map(([x, y]) => document.elementFromPoint(stage.x + x * stage.width, stage.y + y * stage.height));
  return over.filter((element) => element.className !== "overlay").map((element) => element.outerHTML.slice(0, 80));
}"""


def hint(page: Page) -> Locator:
    """The line below the photo."""
    return page.locator("footer")


def label_button(page: Page, name: str) -> Locator:
    """A label of the panel."""
    return page.get_by_role("group", name="Labels").get_by_role("button", name=re.compile(f"^{name}"))


def test_nothing_covers_the_photo_and_points_and_scores_are_honest(page: Page, server: Server) -> None:
    project_id = new_project(page, server, "Hand: points")
    (image_id,) = image_ids(page, server, project_id)
    fit = open_workspace(page, server, project_id, image_id, masks=0)
    wait_for_workspace(page)
    click_image(page, fit, 225, 110)
    wait_for_candidates(page)
    expect(hint(page)).to_contain_text("This mask: Cat")
    assert page.evaluate(COVERED) == []

    click_image(page, fit, 180, 160)
    wait_for_candidates(page)
    place = (fit.left + 180 * fit.scale, fit.top + 160 * fit.scale)
    page.mouse.move(place[0] + 60, place[1])
    expect(hint(page)).to_contain_text("a point to remove it")
    page.mouse.move(place[0] + 2, place[1])
    expect(hint(page)).to_contain_text("Click takes this point away")
    page.mouse.click(place[0] + 2, place[1])
    expect(page.get_by_text("Point taken away")).to_be_visible()
    wait_for_candidates(page)

    page.keyboard.press("e")
    assert page.evaluate(COVERED) == []
    drag(page, fit, (200, 100), (220, 120))
    chosen = page.get_by_role("group", name="Candidates").locator("button[aria-pressed=true]")
    expect(chosen).to_have_text(re.compile(r"^(whole|part|subpart), edited$"))
    page.keyboard.press("Enter")
    expect_masks(page, 1)
    expect(rows(page)).to_contain_text("edited")
    expect_saved(page)
    (saved,) = read_masks(page, server, image_id)
    assert saved["predicted_iou"] is None
    assert saved["provenance"]["predicted_iou"] > 0, "the model's own score stays with how the mask was made"

    page.keyboard.press("v")
    rows(page).first.click()
    page.keyboard.press("m")
    expect(page.get_by_role("button", name="Points", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(hint(page)).to_contain_text("Refining: Cat")


def test_a_tool_says_what_it_changes_and_why_a_stroke_changed_nothing(page: Page, server: Server) -> None:
    project_id = new_project(page, server, "Hand: targets")
    (image_id,) = image_ids(page, server, project_id)
    add_mask(page, server, image_id, SQUARE)
    add_mask(page, server, image_id, (320, 60, 420, 220), is_locked=True)
    fit = open_workspace(page, server, project_id, image_id, masks=2)

    def stroke_says(words: str, *places: tuple[float, float]) -> None:
        drag(page, fit, *places)
        expect(page.get_by_text(f"Nothing changed: {words}")).to_have_count(1)

    page.keyboard.press("e")
    expect(hint(page)).to_contain_text("Nothing to erase: select a mask first")
    stroke_says("no mask is selected to erase", (150, 100), (180, 120))
    rows(page).nth(0).click()
    expect(hint(page)).to_contain_text("The selected mask is locked")
    stroke_says("the selected mask is locked", (350, 100), (380, 120))
    page.keyboard.press("Control+a")
    stroke_says("several masks are selected", (150, 100), (180, 120))
    rows(page).nth(1).click()
    expect(hint(page)).to_contain_text("Changes: No label")
    stroke_says("the mask does not reach there", (30, 260), (60, 270))
    page.keyboard.press("r")
    stroke_says("the mask covers all of that already", (150, 100), (180, 120))
    page.keyboard.press("l")
    page.get_by_role("button", name="Split").click()
    stroke_says("the line does not cut", (20, 240), (60, 280))
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()

    page.keyboard.press("r")
    page.mouse.move(fit.left + 20 * fit.scale, fit.top + 280 * fit.scale)
    for _ in range(4):
        page.mouse.wheel(0, -400)
    away = hint(page).get_by_role("button", name=re.compile("out of view"))
    away.click()
    expect(away).to_have_count(0)
    expect(hint(page)).to_contain_text("Changes: No label")


def test_labels_stay_and_a_label_key_after_enter_names_the_mask_just_made(page: Page, server: Server) -> None:
    project_id = new_project(page, server, "Hand: labels", photos=("cat.jpg", "coffee.jpg"))
    image_id, _ = image_ids(page, server, project_id)
    add_mask(page, server, image_id, (10, 200, 60, 260))
    fit = open_workspace(page, server, project_id, image_id, masks=1)
    page.keyboard.press("2")
    page.reload()
    expect_masks(page, 1)
    expect(label_button(page, "Cup")).to_have_attribute("aria-pressed", "true")

    def paint(x: float) -> None:
        page.keyboard.press("r")
        drag(page, fit, (x, 100), (x + 30, 120))
        page.keyboard.press("Enter")

    page.keyboard.press("Escape")
    paint(100)
    expect(rows(page).first).to_contain_text("Cup")
    expect(hint(page)).to_contain_text("Just made: Cup")
    page.keyboard.press("1")
    expect(rows(page).first).to_contain_text("Cat")
    page.get_by_text("View", exact=True).click()
    page.get_by_text("Label keys after Enter name the next mask").click()
    paint(300)
    expect_masks(page, 3)
    page.keyboard.press("2")
    expect(label_button(page, "Cup")).to_have_attribute("aria-pressed", "true")
    expect(rows(page).first).to_contain_text("Cat")

    rows(page).first.click()
    expect(label_button(page, "Cat")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(label_button(page, "Cup")).to_have_attribute("aria-pressed", "true")
    expect_saved(page)

    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("masks without a label (1)")).to_be_visible()
    expect(rows(page).nth(2)).to_have_attribute("aria-selected", "true")
    page.get_by_role("button", name="Submit without labels").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("coffee.jpg")


def test_suggestions_are_decided_by_keyboard_in_reading_order(page: Page, server: Server) -> None:
    project_id = new_project(page, server, "Hand: suggestions")
    (image_id,) = image_ids(page, server, project_id)
    places = [(260, 180), (20, 20), (260, 30), (20, 170)]  # as the model found them
    scores = [0.95, 0.93, 0.5, 0.91]
    ids = [
        add_mask(
            page, server, image_id, (x, y, x + 60, y + 60), state="suggestion", predicted_iou=score, stability_score=1
        )
        for (x, y), score in zip(places, scores, strict=True)
    ]
    kept = add_mask(page, server, image_id, (140, 20, 200, 80))
    open_workspace(page, server, project_id, image_id, masks=5)

    def selected() -> str | None:
        row = rows(page).and_(page.locator("[aria-selected=true]"))
        expect(row).to_have_count(1)
        return str(row.get_attribute("id")).removeprefix("mask-")

    page.keyboard.press("a")
    assert selected() == ids[1], "the first, and nothing is decided yet"
    page.keyboard.press("a")
    assert selected() == ids[2]
    page.get_by_role("slider", name="Predicted IoU from").fill("0.9")
    expect(rows(page).and_(page.locator("[aria-selected=true]"))).to_have_count(0)
    page.keyboard.press("n")
    assert selected() == ids[3]
    page.keyboard.press("x")
    assert selected() == ids[0]
    page.keyboard.press("a")
    expect(rows(page).and_(page.locator("[aria-selected=true]"))).to_have_count(0)
    expect(page.get_by_text("No suggestion is left in view")).to_be_visible()
    page.get_by_role("slider", name="Predicted IoU from").fill("0.1")
    page.keyboard.press("2")
    page.get_by_role("button", name="Accept shown").click()
    expect_saved(page)
    saved = {row["id"]: row for row in read_masks(page, server, image_id)}
    cup = max(row["label_id"] for row in saved.values() if row["label_id"])
    assert {id_: saved[id_]["state"] for id_ in saved} == {
        ids[0]: "accepted",
        ids[1]: "accepted",
        ids[2]: "accepted",
        kept: "accepted",
    }
    assert saved[ids[2]]["label_id"] == cup
    assert saved[ids[0]]["label_id"] == saved[ids[1]]["label_id"] != cup
    assert saved[kept]["label_id"] is None


def test_the_next_gap_is_where_an_object_is_likely_and_shows_its_surroundings(page: Page, server: Server) -> None:
    project_id = new_project(page, server, "Hand: gaps", photos=("coins.jpg",))
    (image_id,) = image_ids(page, server, project_id)
    page.goto(f"{server.address}/projects/{project_id}/images/{image_id}/")
    wait_for_workspace(page)
    zoom = page.get_by_role("button", name=re.compile(r"^100 %, "))
    whole = percent(zoom)
    page.keyboard.press("j")
    left = page.get_by_role("region", name="What is left")
    expect(left).to_contain_text(re.compile(r"Gap 1 of \d+ Likely an object: \d\d %"))
    assert whole < percent(zoom) < 4 * whole
    page.keyboard.press("j")
    expect(left).to_contain_text(re.compile(r"Gap 2 of \d+"))


def percent(zoom: Locator) -> int:
    """Return the zoom as the hint line has it."""
    return int(zoom.inner_text().split()[0])


# Whatever can be pressed and is not wholly scrolled away: its name, size, and whether it lies within the window.
CONTROLS = """() => {
  const all = document.querySelectorAll("button, a[href], input, select, textarea, summary, [role=separator]");
  const clips = (element) => /auto|scroll|hidden/.test(getComputedStyle(element).overflowY);
  const seen = (element) => {
    const own = (element.closest("label") ?? element).getBoundingClientRect();
    for (let at = element.parentElement; at && !at.matches(".ws"); at = at.parentElement) {
      const box = at.getBoundingClientRect();
      if (clips(at) && (own.bottom > box.bottom + 1 || own.top < box.top - 1)) return false;
    }
    return own.width > 0 && getComputedStyle(element).visibility !== "hidden";
  };
  return [...all].filter(seen).map((element) => {
    const { width, height, left, right, top, bottom } = (element.closest("label") ?? element).getBoundingClientRect();
    const name = element.getAttribute("aria-label") ?? element.textContent.trim() ?? element.className;
    const isInside = left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
    return { name, width: Math.round(width), height: Math.round(height), isInside };
  });
}"""


def check_controls(person: Page) -> None:
    """Every control is large enough for a finger and on the screen, and the page is no wider than it."""
    controls = person.evaluate(CONTROLS)
    assert len(controls) > 15
    wrong = [one for one in controls if one["width"] < 40 or one["height"] < 40 or not one["isInside"]]
    assert wrong == [], wrong
    assert person.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize(("width", "height"), [(390, 844), (768, 1024)])
def test_fingers_find_everything_on_small_screens(
    page: Page, browser: Browser, server: Server, width: int, height: int
) -> None:
    project_id = new_project(page, server, f"Hand: {width} px")
    (image_id,) = image_ids(page, server, project_id)
    add_mask(page, server, image_id, (10, 10, 40, 40))
    screen = {"width": width, "height": height}
    with annotator_page(browser, server, viewport=screen, has_touch=True, is_mobile=True) as person:
        open_workspace(person, server, project_id, image_id, masks=1)
        wait_for_workspace(person)
        expect(hint(person)).to_contain_text("Tap the object")
        person.get_by_role("button", name="Got it").tap()
        check_controls(person)
        fit = fit_of(person, CAT_WIDTH, CAT_HEIGHT)
        place = (fit.left + 225 * fit.scale, fit.top + 110 * fit.scale)
        person.touchscreen.tap(*place)
        expect(hint(person)).to_contain_text("This mask: Cat")
        expect(person.get_by_role("group", name="Candidates")).to_have_attribute("aria-busy", "false")
        assert person.evaluate(COVERED) == []
        check_controls(person)
        person.touchscreen.tap(place[0] + 12, place[1] + 10)
        expect(person.get_by_text("Point taken away")).to_be_visible()
        for tool in ("Brush", "Lasso", "Select"):
            person.get_by_role("button", name=tool, exact=True).tap()
            check_controls(person)


# As wide as the letters of any font, and the longest names: what fits here fits elsewhere.
WIDE_LETTERS = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(".chip-choice, .chip-now, .segments button, .switch { letter-spacing: 6px !important }");
  document.adoptedStyleSheets = [sheet];
}"""
TOOLS = {"points": "p", "box": "b", "brush": "r", "lasso": "l", "select": "v"}


@pytest.mark.parametrize("width", [360, pytest.param(390, marks=pytest.mark.slow)])
@pytest.mark.parametrize("locale", ["en-US", "ko", "zh-TW"])
def test_no_button_leaves_the_screen_however_long_the_readings_are(
    page: Page, browser: Browser, server: Server, width: int, locale: str
) -> None:
    project_id = new_project(page, server, f"Hand: readings {locale} {width}")
    (image_id,) = image_ids(page, server, project_id)
    add_mask(page, server, image_id, (10, 10, 40, 40))
    screen = {"width": width, "height": 740}
    with annotator_page(browser, server, viewport=screen, locale=locale, has_touch=True, is_mobile=True) as person:
        person.goto(f"{server.address}/projects/{project_id}/images/{image_id}/")
        expect(person.get_by_role("grid").get_by_role("row")).to_have_count(1)
        expect(person.locator("[data-engine]")).to_be_visible()
        fit = fit_of(person, CAT_WIDTH, CAT_HEIGHT)
        person.evaluate(WIDE_LETTERS)
        person.locator(".tips button").tap()
        person.touchscreen.tap(fit.left + 225 * fit.scale, fit.top + 110 * fit.scale)
        chip = person.locator(".chip")
        expect(chip.get_by_text(re.compile(r"\d\.\d\d")).first).to_be_visible()
        expect(chip).to_have_attribute("aria-busy", "false")
        for key in TOOLS.values():
            person.keyboard.press(key)
            for _ in range(3):
                check_controls(person)
                chip.locator(".chip-next").tap()
        person.keyboard.press("e")
        drag(person, fit, (200, 100), (220, 120))
        expect(chip).not_to_contain_text(re.compile(r"\d\.\d\d"))
        check_controls(person)
