"""What befalls people in the middle of their work: removed from the project, another stage, a clock that is wrong."""

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.gestures import expect_saved, paint_mask
from tests.e2e.steps import Fit, Server, fit_of, image_id_of, read_masks, wait_for_workspace
from tests.e2e.workspace_steps import annotator_page, call, new_project

pytestmark = pytest.mark.e2e
STROKES = ([(40.0, 40.0), (140.0, 50.0)], [(40.0, 100.0), (140.0, 110.0)])
EASY = {"predicted_iou": 0.3, "stability_score": 0.3, "prefill_points_per_side": 4}
SHIFT_CLOCK = """{
    const RealDate = Date;
    const shift = %d;
    globalThis.Date = class extends RealDate {
        constructor(...values) { super(...(values.length === 0 ? [RealDate.now() + shift] : values)); }
        static now() { return RealDate.now() + shift; }
    };
}"""


def start_work(page: Page, server: Server, project_id: int) -> tuple[int, Fit]:
    """Take the next image of the queue (the cat comes first) and wait until it can be worked on."""
    page.goto(f"{server.address}/projects/{project_id}/queue/")
    page.get_by_role("button", name="Start annotating").click()
    page.wait_for_url(re.compile(r"/images/\d+/$"))
    wait_for_workspace(page)
    return image_id_of(page), fit_of(page, 451, 300)


def queue_state(page: Page, server: Server, project_id: int) -> str:
    """Return the line of figures above the queue."""
    page.goto(f"{server.address}/projects/{project_id}/queue/")
    return " ".join(page.get_by_role("region", name="State of the queue").inner_text().split())


def test_a_member_who_is_removed_in_the_middle_is_told_and_loses_nothing(
    page: Page, browser: Browser, server: Server
) -> None:
    project_id = new_project(page, server, "Removal")
    with annotator_page(browser, server) as annotator:
        image_id, fit = start_work(annotator, server, project_id)
        paint_mask(annotator, fit, STROKES[0], count=1)
        expect_saved(annotator)
        assert "0 to do 1 in progress" in queue_state(page, server, project_id)

        page.goto(f"{server.address}/projects/{project_id}/members/")
        page.get_by_label("Remove annotator …").click()
        expect(page.get_by_text("Ends at once: annotator sees nothing of this project")).to_be_visible()
        page.get_by_role("button", name="Remove annotator", exact=True).click()
        expect(page.get_by_label("Remove annotator …")).to_have_count(0)
        expect(page.get_by_text("annotator is removed")).to_be_visible()
        told = annotator.get_by_role("alert").filter(has_text="An admin has removed you from this project.")
        expect(told).to_contain_text("kept on this device")
        assert "0 to do 1 begun 0 in progress" in queue_state(page, server, project_id)

        paint_mask(annotator, fit, STROKES[1], count=2)
        expect(annotator.get_by_text("No access to the image: 1 kept on this device")).to_be_visible()
        expect(told).to_have_count(1)
        assert len(read_masks(page, server, image_id)) == 1
        call(page, server, "POST", f"/projects/{project_id}/members", {"username": "annotator", "role": "annotator"})
        annotator.reload()
        expect(annotator.get_by_role("grid", name="Masks").get_by_role("row")).to_have_count(2)
        expect_saved(annotator)
        assert len(read_masks(page, server, image_id)) == 2
        annotator.get_by_role("button", name="Submit and next").click()
        expect(annotator.get_by_text("Nothing is left in the queue.")).to_be_visible()
    assert "0 to do 0 in progress 1 submitted" in queue_state(page, server, project_id)


def test_the_stage_is_switched_while_somebody_works(page: Page, browser: Browser, server: Server) -> None:
    project_id = new_project(page, server, "Switch", photos=("cat.jpg", "coffee.jpg"))
    call(page, server, "PATCH", f"/projects/{project_id}/engine-settings", {"automatic": EASY})
    with annotator_page(browser, server) as annotator:
        first, fit = start_work(annotator, server, project_id)
        chip = annotator.locator(".bar .bar-chip")
        expect(chip).to_have_text("Assisted manual")
        page.goto(f"{server.address}/projects/{project_id}/queue/")
        page.get_by_label("Stage").select_option(label="Semi-automatic")
        page.get_by_role("button", name="Save the queue's settings").click()
        expect(page.get_by_text("Images in somebody's hands keep their stage.")).to_be_visible()
        paint_mask(annotator, fit, STROKES[0], count=1)
        expect_saved(annotator)
        expect(chip).to_have_text("Assisted manual")
        page.goto(f"{server.address}/projects/{project_id}/automatic/")
        expect(page.get_by_role("row").filter(has_text="Pre-fill")).to_contain_text("Done")
        annotator.get_by_role("button", name="Submit and next").click()
        annotator.wait_for_url(lambda url: not url.endswith(f"/images/{first}/"))
        second = image_id_of(annotator)
        expect(chip).to_have_text("Semi-automatic")
        expect(annotator.get_by_role("region", name="Suggestions")).to_be_visible()
    stages = [call(page, server, "GET", f"/images/{image}")["stage"] for image in (first, second)]
    assert stages == ["assisted_manual", "semi_automatic"]
    rows = call(page, server, "GET", f"/projects/{project_id}/dashboard")["by_stage"]
    made = {row["stage"]: row["masks"] for row in rows}
    assert made["assisted_manual"] == 1


@pytest.mark.parametrize(
    "shift",
    [
        pytest.param(timedelta(hours=7), id="ahead", marks=pytest.mark.slow),
        pytest.param(timedelta(days=-400), id="behind"),
    ],
)
def test_a_wrong_clock_does_no_harm(page: Page, browser: Browser, server: Server, shift: timedelta) -> None:
    project_id = new_project(page, server, f"Clock {shift}", photos=("cat.jpg", "coffee.jpg"))
    began = datetime.now(UTC)
    with annotator_page(browser, server) as annotator:
        annotator.context.add_init_script(SHIFT_CLOCK % (shift.total_seconds() * 1000))
        first, fit = start_work(annotator, server, project_id)
        year = annotator.evaluate("() => new Date().getFullYear()")
        assert year == (began + shift).year
        for number, stroke in enumerate(STROKES, 1):
            paint_mask(annotator, fit, stroke, count=number)
        expect_saved(annotator)
        claimed = call(annotator, server, "POST", f"/images/{first}/lease")
        assert timedelta() < moment(claimed["expires_at"]) - datetime.now(UTC) < timedelta(hours=1)
        annotator.get_by_role("button", name="Submit and next").click()
        annotator.wait_for_url(lambda url: not url.endswith(f"/images/{first}/"))
        wait_for_workspace(annotator)
        annotator.reload()
        annotator.goto(f"{server.address}/projects/{project_id}/images/{first}/")
        expect(annotator.get_by_role("grid", name="Masks").get_by_role("row")).to_have_count(2)
    ended = datetime.now(UTC)
    masks = read_masks(page, server, first)
    assert all(began <= moment(mask["created_at"]) <= ended for mask in masks)
    spent_ms = (ended - began).total_seconds() * 1000
    assert 0 < sum(mask["active_ms"] for mask in masks) < spent_ms
    (week,) = call(page, server, "GET", f"/projects/{project_id}/dashboard")["by_week"]
    assert week["masks"] == 2
    assert week["week"] in {(day - timedelta(days=day.weekday())).date().isoformat() for day in (began, ended)}


def moment(text: Any) -> datetime:
    """Read a time of the API."""
    return datetime.fromisoformat(str(text))


def end_leases(server: Server) -> None:
    """Let every lease run out, as time does."""
    with closing(sqlite3.connect(server.data_dir / "maskwright.sqlite3", timeout=30)) as database, database:
        database.execute("UPDATE engine_lease SET expires_at = '2026-01-01 00:00:00' WHERE released_at IS NULL")


def test_who_comes_back_after_the_lease_is_told_and_loses_nothing(page: Page, browser: Browser, server: Server) -> None:
    project_id = new_project(page, server, "Silence")
    with annotator_page(browser, server) as annotator:
        image_id, fit = start_work(annotator, server, project_id)
        paint_mask(annotator, fit, STROKES[0], count=1)
        expect_saved(annotator)
        annotator.context.set_offline(True)
        end_leases(server)
        taken, _ = start_work(page, server, project_id)
        assert taken == image_id
        paint_mask(annotator, fit, STROKES[1], count=2)
        annotator.context.set_offline(False)
        told = annotator.get_by_text("Somebody else has taken this image.")
        expect(told).to_be_visible()
        refused = annotator.get_by_role("alert", name="The server refused a mask")
        expect(refused).to_contain_text("somebody else is working on this image")
        annotator.get_by_role("button", name="Submit and next").click()
        expect(annotator.get_by_text("a mask was refused; settle it in the panel first.")).to_be_visible()
        page.get_by_role("button", name="Submit and next").click()
        expect(page.get_by_text("Nothing is left in the queue.")).to_be_visible()
        assert len(read_masks(page, server, image_id)) == 1
        refused.get_by_role("button", name="Try again").click()
        expect_saved(annotator)
    assert len(read_masks(page, server, image_id)) == 2
