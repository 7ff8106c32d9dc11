"""One answer to a prompt: what is painted stays, is what Enter keeps, and is what sam_core makes of the same views."""

import re
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from playwright.sync_api import Page, Route, expect

from sam_core.multi_view import MultiViewPredictor
from sam_core.registry import build_model
from tests.e2e.steps import (
    PHOTOS,
    Fit,
    Server,
    accept_mask,
    choose_files,
    decode,
    fit_of,
    iou,
    make_project,
    open_image,
    payload,
    read_masks,
    wait_for_embeddings,
    wait_for_workspace,
)
from tests.e2e.workspace_steps import drag

pytestmark = pytest.mark.e2e
CAT, COFFEE = (451, 300), (600, 400)
Corners = tuple[tuple[float, float], ...]
FLIPPED, CROP, FLIPPED_CROP = (False, True), (True, False), (True, True)
CUP_HANDLE = ((440, 120), (500, 200))
EYE = ((160, 95), (192, 123))
ZOOM_STEPS, ZOOM_STEP = 5, 1.25
MUZZLE = ((200, 125), (250, 165))
TRIES = 8  # at finding a view ready: each is a mask that is kept
# The overlay at the centre of each of the photo's pixels between two corners: "1" where the draft is filled.
READ_OVERLAY = """([left, top, scale, x0, y0, x1, y1]) => {
  const canvas = document.querySelector("canvas.overlay");
  const box = canvas.getBoundingClientRect();
  const ratio = canvas.width / box.width;
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const rows = [];
  for (let y = y0; y < y1; y++) {
    let row = "";
    for (let x = x0; x < x1; x++) {
      const column = Math.floor((left - box.x + (x + 0.5) * scale) * ratio);
      const line = Math.floor((top - box.y + (y + 0.5) * scale) * ratio);
      row += data[(line * canvas.width + column) * 4 + 3] > 40 ? "1" : "0";
    }
    rows.push(row);
  }
  return rows;
}"""


def give_time(page: Page, budget_ms: int) -> None:
    """Let the views of one answer take so long together, whatever this machine makes of it."""

    def answer(route: Route) -> None:
        manifest = route.fetch().json()
        manifest["policy"]["budget_ms"] = budget_ms
        route.fulfill(json=manifest)

    page.route(re.compile(r"/models/[^/]+/manifest\.json"), answer)


@pytest.fixture
def opened(page: Page, server: Server) -> int:
    """The cat, open in the workspace of a project that holds the coffee as well: its id. Every view has its time."""
    give_time(page, 600_000)
    make_project(page, server, "One answer", ["Cat"])
    choose_files(page, [payload("cat.jpg"), payload("coffee.jpg")])
    wait_for_embeddings(page)
    return open_image(page, "cat.jpg")


def photo(name: str) -> MultiViewPredictor:
    """The shipped model, to ask about a photo."""
    return MultiViewPredictor(build_model("sam_lite"), np.array(PIL.Image.open(PHOTOS / name).convert("RGB")))


def box_of(saved: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """The box of a saved mask as sam_core takes it."""
    (box,) = [prompt for prompt in saved["provenance"]["prompts"] if prompt["type"] == "box"]
    return np.array([[box["x0"], box["y0"]], [box["x1"], box["y1"]]]), np.array([2, 3])


def views_of(saved: dict[str, Any]) -> list[tuple[bool, bool]]:
    """Whether each view of a saved mask is a crop and flipped, in order."""
    return [(view["crop_box"] is not None, view["is_flipped"]) for view in saved["provenance"]["views"]]


def newest_of(page: Page, server: Server, image_id: int) -> dict[str, Any]:
    """The mask that was made last."""
    return max(read_masks(page, server, image_id), key=lambda saved: saved["created_at"])


def keep_boxes_until(
    page: Page, server: Server, image_id: int, fit: Fit, corners: Corners, *, wanted: set[tuple[bool, bool]]
) -> dict[str, Any]:
    """Draw the same box again and again and keep its mask, until all views take part; return that mask."""
    for count in range(1, TRIES + 1):
        drag(page, fit, *corners)
        accept_mask(page, count=count)
        newest = newest_of(page, server, image_id)
        if wanted <= set(views_of(newest)):
            return newest
    raise AssertionError(f"views {wanted} took no part")


def test_what_enter_keeps_is_bit_for_bit_what_was_painted_and_nothing_changes_meanwhile(
    page: Page, server: Server, opened: int
) -> None:
    fit = fit_of(page, *CAT)
    drag(page, fit, *MUZZLE)
    expect(page.get_by_role("button", name="Sharpen the mask")).to_be_enabled()
    for _ in range(ZOOM_STEPS):
        page.keyboard.press("+")
    scale = fit.scale * ZOOM_STEP**ZOOM_STEPS
    middle = fit.left + CAT[0] * fit.scale / 2, fit.top + CAT[1] * fit.scale / 2
    left, top = (at - side * scale / 2 for at, side in zip(middle, CAT, strict=True))
    canvas = page.get_by_role("application").bounding_box()
    assert canvas is not None
    sides = ((canvas["x"], canvas["width"], left), (canvas["y"], canvas["height"], top))
    x0, y0 = (int(np.ceil((start - at) / scale)) for start, _, at in sides)
    x1, y1 = (int((start + length - at) / scale) for start, length, at in sides)
    window = [left, top, scale, x0, y0, x1, y1]

    page.mouse.move(canvas["x"] + canvas["width"] - 2, canvas["y"] + canvas["height"] - 2)
    at_once = page.evaluate(READ_OVERLAY, window)
    page.wait_for_load_state("networkidle")  # every view that is on its way has come
    painted = page.evaluate(READ_OVERLAY, window)
    assert painted == at_once
    accept_mask(page, count=1)
    (saved,) = read_masks(page, server, opened)
    shown = np.array([[cell == "1" for cell in row] for row in painted])
    kept = decode(saved)[y0:y1, x0:x1]
    ys, xs = np.mgrid[y0:y1, x0:x1]
    # the box itself is drawn over the mask
    is_read = np.min([np.abs(xs - x) for x, _ in MUZZLE] + [np.abs(ys - y) for _, y in MUZZLE], axis=0) > 1
    assert 0.01 < kept.mean() < 0.9
    assert np.array_equal(shown[is_read], kept[is_read])


@torch.inference_mode()
def test_a_box_is_answered_with_the_flipped_photo_as_in_sam_core(page: Page, server: Server, opened: int) -> None:
    saved = keep_boxes_until(page, server, opened, fit_of(page, *CAT), ((242, 28), (422, 173)), wanted={FLIPPED})
    assert views_of(saved) == [(False, False), FLIPPED]
    asked = photo("cat.jpg")
    answer = asked.answer(*box_of(saved))
    assert answer.views == (asked.whole, asked.flipped)
    assert iou(decode(saved), answer.mask()) > 0.99


@torch.inference_mode()
def test_the_tile_under_the_pointer_takes_part_as_in_sam_core(page: Page, server: Server, opened: int) -> None:
    image_id = open_next(page)
    saved = keep_boxes_until(page, server, image_id, fit_of(page, *COFFEE), CUP_HANDLE, wanted={FLIPPED, CROP})
    asked = photo("coffee.jpg")
    assert tuple(saved["provenance"]["crop_box"]) in asked.tiles
    answer = asked.answer(*box_of(saved))
    assert answer.crop == tuple(saved["provenance"]["crop_box"])
    assert iou(decode(saved), answer.mask()) > 0.99


def open_next(page: Page) -> int:
    """Go on to the coffee."""
    page.get_by_role("button", name="Next image").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("coffee.jpg")
    return int(page.url.rstrip("/").rsplit("/", 1)[1].split("?")[0])


@torch.inference_mode()
def test_sharpen_shows_more_of_what_is_small_and_is_one_step_back(page: Page, server: Server, opened: int) -> None:
    fit = fit_of(page, *CAT)
    keep_boxes_until(page, server, opened, fit, EYE, wanted={FLIPPED})
    others = len(read_masks(page, server, opened))
    drag(page, fit, *EYE)
    button = page.get_by_role("button", name="Sharpen the mask")
    expect(button).to_be_enabled()
    with page.expect_response(re.compile(r"-144_77_208_141_flipped-f16\.npy")):  # twice the box, around it
        page.keyboard.press("d")
    expect(button).to_have_attribute("aria-busy", "false")
    accept_mask(page, count=others + 1)
    saved = newest_of(page, server, opened)
    asked = photo("cat.jpg")
    sharp = asked.sharpen(asked.answer(*box_of(saved)))
    assert saved["provenance"]["crop_box"] == list(sharp.crop or ())
    assert views_of(saved) == [(False, False), FLIPPED, CROP, FLIPPED_CROP]
    assert iou(decode(saved), sharp.mask()) > 0.97
    page.keyboard.press("ControlOrMeta+z")
    page.keyboard.press("ControlOrMeta+z")
    accept_mask(page, count=others + 1)
    plain = newest_of(page, server, opened)
    assert plain["provenance"]["crop_box"] != saved["provenance"]["crop_box"]  # none, or a tile that was ready
    assert not np.array_equal(decode(plain), decode(saved))


@torch.inference_mode()
def test_views_that_would_take_too_long_stay_out_and_the_mask_says_so(page: Page, server: Server, opened: int) -> None:
    fit = fit_of(page, *CAT)
    keep_boxes_until(page, server, opened, fit, EYE, wanted={FLIPPED})  # it is there, and ready
    others = len(read_masks(page, server, opened))
    page.unroute_all()
    give_time(page, 1)  # no view is so quick
    page.reload()
    wait_for_workspace(page)
    drag(page, fit, *EYE)
    accept_mask(page, count=others + 1)
    saved = newest_of(page, server, opened)
    assert views_of(saved) == [(False, False)]
    asked = photo("cat.jpg")
    asked.most_views = 1
    assert iou(decode(saved), asked.answer(*box_of(saved)).mask()) > 0.97
