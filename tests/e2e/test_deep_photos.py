"""A photo of 12-bit values in a 16-bit PNG, as microscopes write them: it is seen, and a click gives what is seen."""

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from tests.e2e.steps import (
    Server,
    accept_mask,
    choose_files,
    click_image,
    decode,
    encode,
    fit_of,
    iou,
    make_project,
    open_image,
    payload,
    read_masks,
    wait_for_embeddings,
)

pytestmark = pytest.mark.e2e
WIDTH, HEIGHT, RADIUS = 512, 384, 90
GROUND, DISC = 600, 3500


def test_a_click_on_a_twelve_bit_disc_gives_the_disc(page: Page, server: Server) -> None:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    disc = (columns - WIDTH // 2) ** 2 + (rows - HEIGHT // 2) ** 2 <= RADIUS**2
    values = np.where(disc, DISC, GROUND).astype(np.uint16)

    make_project(page, server, "Twelve bits", ["Disc"])
    choose_files(page, [payload("disc.png", encode(Image.fromarray(values), "PNG"))])
    wait_for_embeddings(page)
    image = open_image(page, "disc.png")
    answer = page.request.get(f"{server.address}/api/v1/images/{image}/preview")
    shown = np.asarray(Image.open(io.BytesIO(answer.body())).convert("L")).astype(int)
    assert shown[HEIGHT // 2, WIDTH // 2] - shown[5, 5] > 60

    click_image(page, fit_of(page, WIDTH, HEIGHT), WIDTH / 2, HEIGHT / 2)
    accept_mask(page, count=1)
    (saved,) = read_masks(page, server, image)
    assert iou(decode(saved), disc) > 0.9
