"""Two admins and one long automatic run: started once, paused and resumed from either side, cancelled for good."""

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.steps import PHOTOS, Server, read_masks, wait_for_embeddings
from tests.e2e.workspace_steps import annotator_page, call, image_ids, new_project

pytestmark = pytest.mark.e2e
# Every photo that is there, so that nobody's machine is done before the run is cancelled.
ALL_PHOTOS = tuple(sorted(photo.name for photo in PHOTOS.glob("*.jpg")))
GRID = {"predicted_iou": 0.5, "stability_score": 0.5, "points_per_side": 12}


def run_of(page: Page) -> Locator:
    """Return the row of the automatic run."""
    return page.get_by_role("row").filter(has_text="Automatic run")


def test_two_admins_and_one_automatic_run(page: Page, browser: Browser, server: Server) -> None:
    assert len(ALL_PHOTOS) > 4
    project_id = new_project(page, server, "Jobs", photos=ALL_PHOTOS)
    call(page, server, "PATCH", f"/projects/{project_id}/engine-settings", {"automatic": GRID})
    (member,) = [
        row
        for row in call(page, server, "GET", f"/projects/{project_id}/members")
        if row["username"] == "annotator"
    ]  # fmt: skip
    call(page, server, "PATCH", f"/members/{member['id']}", {"role": "admin"})
    page.goto(f"{server.address}/projects/{project_id}/")
    wait_for_embeddings(page)
    address = f"{server.address}/projects/{project_id}/automatic/"
    with annotator_page(browser, server) as colleague:
        for admin in (page, colleague):
            admin.goto(address)
        page.get_by_role("button", name="Start the run").click()
        expect(page.get_by_text(f"The model annotates {len(ALL_PHOTOS)} images.")).to_be_visible()
        page.get_by_role("button", name="Pause job").click()
        expect(run_of(page)).to_contain_text("Paused")

        colleague.get_by_role("button", name="Start the run").click()
        expect(colleague.get_by_text("This job is paused and can be resumed or cancelled")).to_be_visible()
        expect(run_of(colleague)).to_have_count(1)
        expect(run_of(colleague)).to_contain_text("Paused")
        colleague.get_by_role("button", name="Resume job").click()
        expect(run_of(page).get_by_role("button", name="Pause job")).to_be_visible()  # told without a reload
        expect(run_of(page)).not_to_contain_text(f"0 of {len(ALL_PHOTOS)}")
        page.get_by_role("button", name="Cancel job").click()
        expect(run_of(page)).to_contain_text("Cancelled")
        expect(run_of(colleague)).to_contain_text("Cancelled")
        expect(run_of(colleague).get_by_role("button")).to_have_count(0)

    (job,) = call(page, server, "GET", f"/projects/{project_id}/jobs?kind=automatic")
    assert job["status"] == "cancelled"
    assert 0 < job["done"] < len(ALL_PHOTOS), "nothing was left to cancel"
    runs = {}
    for image in image_ids(page, server, project_id):
        masks = read_masks(page, server, image)
        for run in call(page, server, "GET", f"/images/{image}/mask-runs"):
            runs[image] = run["mask_count"]
        assert len(masks) == len({mask["counts"] for mask in masks}) == runs.get(image, 0)
        assert {mask["source"] for mask in masks} <= {"automatic"}
    assert len(runs) == job["done"], "what was made is kept, the rest was never made"
