"""No page has a serious accessibility finding, light or dark: axe-core run inside the real pages."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.gestures import expect_saved, paint_mask, rows, wait_for_candidates
from tests.e2e.steps import (
    Server,
    choose_files,
    click_image,
    fit_of,
    make_project,
    open_image,
    payload,
    wait_for_embeddings,
)
from tests.e2e.workspace_steps import call

pytestmark = pytest.mark.e2e
AXE = Path(__file__).resolve().parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
GRAVE = {"serious", "critical"}
WIDTH, HEIGHT = 451, 300


def findings(page: Page, where: str) -> list[dict[str, Any]]:
    """Run axe in both colour schemes and return what is serious, with the elements it is about."""
    grave = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        result = page.evaluate("(tags) => axe.run(document, { runOnly: { type: 'tag', values: tags } })", TAGS)
        assert len(result["passes"]) > 5, "axe has looked at the page"
        for rule in result["violations"]:
            if rule["impact"] in GRAVE:
                nodes = [{"html": node["html"][:200], "why": node["failureSummary"]} for node in rule["nodes"]]
                grave.append({"where": where, "scheme": scheme, "rule": rule["id"], "nodes": nodes[:4]})
    return grave


def expect_clean(found: list[dict[str, Any]]) -> None:
    """Fail with everything that was found."""
    assert found == [], json.dumps(found, indent=1)


def test_signing_in_can_be_used_by_everybody(context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    page.goto(f"{server.address}/login/")
    expect_clean(findings(page, "sign in"))


def test_the_pages_of_a_project_can_be_used_by_everybody(page: Page, server: Server) -> None:
    page.goto(f"{server.address}/projects/")
    for number in range(4):  # more than a person's row shows
        call(page, server, "POST", "/projects", {"name": f"Street scenes at night, {number}"})
    found = findings(page, "projects")
    project_id = make_project(page, server, "For everybody", ["Cat"])
    choose_files(page, [payload("cat.jpg")])
    wait_for_embeddings(page)
    found += findings(page, "project")
    for part in ("review", "dashboard", "queue", "labels", "members", "automatic", "exports", "imports", "settings"):
        page.goto(f"{server.address}/projects/{project_id}/{part}/")
        found += findings(page, part)
    for part in ("account", "models", "models/default", "people", "people/new", "people/invite", "people/1"):
        page.goto(f"{server.address}/{part}/")
        found += findings(page, part)
    expect_clean(found)


def test_the_workspace_can_be_used_by_everybody(page: Page, server: Server) -> None:
    make_project(page, server, "Workspace for everybody", ["Cat", "Toy"])
    choose_files(page, [payload("cat.jpg")])
    wait_for_embeddings(page)
    open_image(page, "cat.jpg")
    # As the theme "system" has it, so that the workspace is looked at light and dark.
    page.evaluate("document.querySelector('#light-theme').media = '(prefers-color-scheme: light)'")
    found = findings(page, "workspace")
    fit = fit_of(page, WIDTH, HEIGHT)
    click_image(page, fit, 225, 110)
    wait_for_candidates(page)
    found += findings(page, "workspace with candidates")
    page.keyboard.press("Escape")
    paint_mask(page, fit, [(40, 60), (80, 60)], count=1)
    expect_saved(page)
    rows(page).first.click()
    found += findings(page, "workspace with a selected mask")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    found += findings(page, "shortcuts")
    expect_clean(found)
