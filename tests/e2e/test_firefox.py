"""The main path in Firefox, on this machine and over plain http under a foreign name."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.any_browser import FOREHEAD, HEIGHT, STROKE, WIDTH, expect_work
from tests.e2e.steps import FIT_MARGIN_PX, PHOTOS, Fit, Server
from tests.firefox import Firefox, firefox

pytestmark = pytest.mark.e2e
SIGN_IN = """const [name, password] = arguments;
document.querySelector("[name=username]").value = name;
document.querySelector("[name=password]").value = password;
document.querySelector("main form, form").requestSubmit();"""
CALL = """const [method, path, body] = arguments;
const csrf = /csrftoken=([^;]+)/.exec(document.cookie)[1];
const headers = { "X-CSRFToken": csrf, "Content-Type": "application/json" };
return fetch("/api/v1" + path, { method, headers, body: body && JSON.stringify(body) }).then((told) => told.json());"""
UPLOAD = """const [path, name, content] = arguments;
const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
const body = new FormData();
body.append("files", new File([bytes], name));
const headers = { "X-CSRFToken": /csrftoken=([^;]+)/.exec(document.cookie)[1] };
return fetch("/api/v1" + path, { method: "POST", headers, body }).then((told) => told.json());"""
CANVAS_BOX = """const box = document.querySelector("[role=application]").getBoundingClientRect();
return [box.x, box.y, box.width, box.height];"""
ROWS = "[role=grid][aria-label=Masks] [role=row]"


@pytest.fixture(scope="module")
def fox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """A Firefox for all tests of this file."""
    with firefox(tmp_path_factory.mktemp("firefox") / "profile") as fox:
        yield fox


@pytest.mark.parametrize("host", ["127.0.0.1", "ann.test"])
def test_click_keep_paint_save_reload(host: str, fox: Firefox, server: Server) -> None:
    address = server.address.replace("127.0.0.1", host)
    project_id, image_id = new_photo(fox, address, server)
    assert fox.run("return isSecureContext") == (host == "127.0.0.1")
    open_photo(fox, f"{address}/projects/{project_id}/images/{image_id}/")
    fit = fit_of(fox)
    fox.point(on_screen(fit, FOREHEAD))
    fox.wait_for("return /\\d\\.\\d\\d/.test(document.querySelector('[aria-label=Candidates]')?.innerText)")
    fox.press("Enter")
    expect_rows(fox, 1)
    fox.press("r")
    fox.point(*[on_screen(fit, place) for place in STROKE])
    fox.press("Enter")
    expect_rows(fox, 2)
    fox.wait_for("return document.querySelector('[data-save-state=saved]')")
    expect_work(fox.run(CALL, "GET", f"/images/{image_id}/annotations", None)["annotations"])
    assert fox.run("return document.querySelectorAll('.notice-error, #page-fault:not([hidden])').length") == 0
    open_photo(fox, f"{address}/projects/{project_id}/images/{image_id}/")
    expect_rows(fox, 2)


def new_photo(fox: Firefox, address: str, server: Server) -> tuple[int, int]:
    """Sign in, make a project with the cat and wait until it is embedded; return both ids."""
    fox.go(f"{address}/login/")
    fox.run(SIGN_IN, "admin", server.password)
    fox.wait_for("return location.pathname === '/projects/' && document.readyState === 'complete'")
    project: dict[str, Any] = fox.run(CALL, "POST", "/projects", {"name": "Firefox", "labels": [{"name": "Cat"}]})
    content = base64.b64encode((PHOTOS / "cat.jpg").read_bytes()).decode()
    (added,) = fox.run(UPLOAD, f"/projects/{project['id']}/images", "cat.jpg", content)
    return project["id"], added["image_id"]


def open_photo(fox: Firefox, address: str) -> None:
    """Open the workspace and wait until it can be clicked."""
    fox.go(address)
    fox.wait_for("return document.querySelector('[data-engine]')")


def fit_of(fox: Firefox) -> Fit:
    """Work out where the workspace puts the photo (tests/e2e/steps.py)."""
    x, y, width, height = fox.run(CANVAS_BOX)
    scale = min((width - FIT_MARGIN_PX) / WIDTH, (height - FIT_MARGIN_PX) / HEIGHT)
    return Fit(scale, x + (width - WIDTH * scale) / 2, y + (height - HEIGHT * scale) / 2)


def on_screen(fit: Fit, place: tuple[float, float]) -> tuple[float, float]:
    """Return where a pixel of the photo is on the screen."""
    return fit.left + place[0] * fit.scale, fit.top + place[1] * fit.scale


def expect_rows(fox: Firefox, count: int) -> None:
    """Wait until the list shows so many masks."""
    fox.wait_for("return document.querySelectorAll(arguments[0]).length === arguments[1]", ROWS, count)
