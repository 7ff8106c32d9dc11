"""The data engine as its three roles live it: pre-fill, decide, see what is left, review, mend, read the figures."""

import csv
import io
import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.steps import (
    Server,
    choose_files,
    image_id_of,
    make_project,
    payload,
    read_masks,
    sign_in,
    wait_for_embeddings,
    wait_for_workspace,
)

pytestmark = pytest.mark.e2e
WORDS = "The spoon is missing."


def prepare_project(page: Page, server: Server) -> int:
    """Make a semi-automatic project with two photos, an annotator and suggestions, on the pages."""
    project_id = make_project(page, server, "Engine", ["Thing"])
    choose_files(page, [payload("coffee.jpg"), payload("cat.jpg")])
    wait_for_embeddings(page)
    base = f"{server.address}/projects/{project_id}"
    page.goto(f"{base}/members/")
    page.get_by_label("User name").fill("annotator")
    page.get_by_role("button", name="Add").click()
    page.goto(f"{base}/automatic/")
    for name, value in {
        "Predicted IoU at least": 0.3,
        "Stability at least": 0.3,
        "Grid points a side, pre-fill": 4,
    }.items():
        page.get_by_label(name, exact=True).fill(str(value))
    page.get_by_role("button", name="Save thresholds").click()
    page.get_by_role("button", name="Pre-fill images").click()
    expect(page.get_by_text("2 of 2")).to_be_visible()
    expect(page.get_by_role("cell", name="Done")).to_be_visible()
    page.goto(f"{base}/queue/")
    page.get_by_label("Stage").select_option(label="Semi-automatic")
    page.get_by_role("button", name="Save the queue's settings").click()
    expect(page.get_by_text("settings are saved")).to_be_visible()
    return project_id


def decide_and_submit(page: Page, server: Server, project_id: int) -> int:
    """Take the next image, filter its suggestions, accept some, look at what is left, submit; return the image."""
    page.goto(f"{server.address}/projects/{project_id}/queue/")
    page.get_by_role("button", name="Start annotating").click()
    page.wait_for_url(re.compile(r"/images/\d+/$"))
    wait_for_workspace(page)
    image_id = image_id_of(page)
    suggestions = page.get_by_role("region", name="Suggestions")
    shown = suggestions.get_by_text(re.compile(r"\d+ of \d+"))
    count = int(shown.inner_text().split()[0])
    assert count > 0
    slider = suggestions.get_by_role("slider").first
    slider.fill("1")
    expect(shown).to_have_text(re.compile(f"0 of {count}"))
    expect(suggestions.get_by_role("button", name="Accept")).to_be_disabled()
    slider.fill("0")
    expect(shown).to_have_text(re.compile(f"{count} of {count}"))
    page.keyboard.press("j")
    left = page.get_by_role("region", name="What is left")
    expect(left.get_by_text(re.compile(r"Gap 1 of \d+"))).to_be_visible()
    suggestions.get_by_role("button", name="Accept").click()
    expect(suggestions).to_have_count(0)
    expect(left.get_by_text(re.compile(r"\d+ % of the photo has no mask"))).to_be_visible()
    page.get_by_role("button", name="Submit and next").click()
    page.wait_for_url(lambda url: not url.endswith(f"/images/{image_id}/"))
    return image_id


def open_review(page: Page, server: Server, project_id: int) -> None:
    """Take the next image for review."""
    page.goto(f"{server.address}/projects/{project_id}/review/")
    page.get_by_role("button", name="Review next image").click()
    page.wait_for_url(re.compile(r"/images/\d+/$"))
    expect(page.get_by_role("region", name="Review")).to_contain_text("Submitted by annotator")


def test_suggestions_reviews_and_figures(page: Page, browser: Browser, server: Server) -> None:
    project_id = prepare_project(page, server)
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-US")
    annotator = context.new_page()
    sign_in(annotator, server, "annotator")
    image_id = decide_and_submit(annotator, server, project_id)
    masks = read_masks(page, server, image_id)
    assert masks
    assert {(mask["state"], mask["source"]) for mask in masks} == {("accepted", "suggestion")}

    open_review(page, server, project_id)
    expect(page.get_by_role("button", name="Send back")).to_be_disabled()
    page.get_by_label("What is to be done").fill(WORDS)
    page.get_by_role("button", name="Send back").click()
    expect(page.get_by_text("Nothing else waits for your review.")).to_be_visible()
    expect(page.get_by_role("region", name="Review")).to_have_count(0)

    annotator.goto(f"{server.address}/projects/{project_id}/queue/")
    annotator.get_by_role("link", name="coffee.jpg").last.click()
    expect(annotator.get_by_role("region", name="Sent back to you")).to_contain_text(WORDS)
    annotator.get_by_role("button", name="Submit and next").click()
    annotator.wait_for_url(lambda url: not url.endswith(f"/images/{image_id}/"))
    context.close()

    open_review(page, server, project_id)
    page.get_by_role("region", name="Review").get_by_role("button", name="Accept and next").click()
    expect(page.get_by_text("Nothing else waits for your review.")).to_be_visible()

    page.goto(f"{server.address}/projects/{project_id}/dashboard/")
    expect(page.get_by_role("region", name="In total")).to_contain_text(f"{len(masks)} masks")
    expect(page.locator("[data-chart=acceptance] canvas")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV People").click()
    (row,) = [
        row
        for row in csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8")))
        if row["name"] == "annotator"
    ]
    assert int(row["masks"]) == int(row["suggestions_accepted"]) == len(masks)
