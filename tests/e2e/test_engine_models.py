"""Another model comes while people annotate, an embedding fails: nobody waits, nothing is lost, each image is answered
by the model that embedded it.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from sam_core.backends.torch_backend import load_predictor
from sam_core.predictor import Prompts
from tests.e2e.gestures import expect_saved
from tests.e2e.steps import (
    PHOTOS,
    Server,
    accept_mask,
    choose_files,
    click_image,
    decode,
    encode,
    expect_masks,
    fit_of,
    image_id_of,
    iou,
    payload,
    read_masks,
    wait_for_embeddings,
    wait_for_workspace,
)
from tests.e2e.workspace_steps import annotator_page, drag, image_ids, new_project
from tests.seeded_weights import TINY_MODEL, VERSION, digest_of, tiny_weights, weight_server

pytestmark = pytest.mark.e2e
SAM2 = "sam2_tiny_test"  # SAM 2.1, seeded, untrained: it finds nothing, but it is a whole model here in seconds
OTHER_MODEL = "sam2_tiny-9"  # what its weight file calls itself
CUT_AFTER_BYTES = 30_000
ON_COFFEE = (300, 200)
SAME_MASK = 0.98  # an untrained model's logits are close to zero everywhere
NOT_PREPARED = "This image could not be prepared for the model"


@pytest.fixture
def other_model(page: Page, server: Server) -> None:
    """Install a second model on the page, and embed a photo with it, which tells its speed."""
    if (server.data_dir / "models" / OTHER_MODEL).exists():
        return
    install_from_a_server_that_breaks_off(page, server)
    project_id = new_project(page, server, "Timed", photos=(), model_version=OTHER_MODEL)
    add_own_photos(page, server, project_id, "cat.jpg")
    wait_for_embeddings(page)


def install_from_a_server_that_breaks_off(page: Page, server: Server) -> None:
    """Install the other model's weights; the download is cut off in the middle, and goes on."""
    weights = tiny_weights(SAM2, OTHER_MODEL)
    with weight_server(weights) as web:
        web.cuts = [CUT_AFTER_BYTES]
        page.goto(f"{server.address}/models/install/{SAM2}/")
        page.get_by_label("A mirror").check()
        page.get_by_label("Address of the file").fill(web.url)
        page.get_by_label("SHA-256 of the file").fill(digest_of(weights))
        page.get_by_role("button", name="Install").click()
        expect(page.get_by_label("Installs").get_by_text(f"Installed as {OTHER_MODEL}.")).to_be_visible()
        assert web.ranges == [None, f"bytes={CUT_AFTER_BYTES}-"]
    page.get_by_role("link", name="All models").first.click()
    expect(page.get_by_role("heading", name=OTHER_MODEL)).to_be_visible()


@contextmanager
def nowhere_to_store(server: Server) -> Iterator[None]:
    """Take away the place where embeddings are written, as a disk does that is not there."""
    parts = server.data_dir / "media" / "embeddings" / ".parts"
    parts.rename(parts.with_name("away"))
    parts.symlink_to("/proc/self/task")  # a folder in which nothing can be made
    try:
        yield
    finally:
        parts.unlink()
        parts.with_name("away").rename(parts)


def add_own_photos(page: Page, server: Server, project_id: int, *names: str) -> None:
    """Add photos that no other project has, so that nothing of them is embedded yet."""
    page.goto(f"{server.address}/projects/{project_id}/")
    files = []
    for name in names:
        picture = Image.open(PHOTOS / name).convert("RGB")
        picture.putpixel((0, 0), (project_id % 256, 200, 9))
        files.append(payload(f"{Path(name).stem}.png", encode(picture, "PNG")))
    choose_files(page, files)


def pin_model(page: Page, server: Server, project_id: int) -> None:
    """Choose the other model in the settings, and go home."""
    page.goto(f"{server.address}/projects/{project_id}/settings/")
    page.get_by_label("Model version").select_option(label=OTHER_MODEL)
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_text("The settings are saved.")).to_be_visible()
    page.goto(f"{server.address}/projects/{project_id}/")


def expected_mask(page: Page, server: Server, image_id: int, saved: dict[str, Any]) -> np.ndarray:
    """Return what sam_core makes of a saved mask's prompts on its photo, with the embedding as it is served."""
    photo = page.request.get(f"{server.address}/api/v1/images/{image_id}/original").body()
    predictor = load_predictor(SAM2, device="cpu")
    embedding = predictor.embed(np.array(Image.open(io.BytesIO(photo)).convert("RGB"))).astype(np.float16)
    points = saved["provenance"]["prompts"]
    prompts = Prompts(
        point_coords=np.array([[one["x"], one["y"]] for one in points]) - 0.5,  # from the middle of the first pixel
        point_labels=np.array([one["label"] for one in points]),
    )
    return predictor.predict(embedding, prompts).mask(0, saved["provenance"]["candidate"])


def step(page: Page, name: str) -> None:
    """Go to the neighbour and wait until it answers clicks."""
    before = page.url
    page.get_by_role("button", name=name).click()
    page.wait_for_url(lambda url: url != before)
    expect(page.locator(".engine-ready")).to_be_visible()


def try_in_vain(page: Page, server: Server, image_id: int) -> None:
    """Ask for the embedding again and wait until the worker has failed again."""
    with page.expect_response("**/retry"):
        page.get_by_role("button", name="Try again").click()
    page.wait_for_function(
        """async (address) => (await (await fetch(address)).json()).embedding.status === "failed" """,
        arg=f"{server.address}/api/v1/images/{image_id}",
    )


def install_file(page: Page, name: str, content: bytes) -> None:
    """Send a file from this computer as the weights of the SAM miniature."""
    page.goto(f"{page.url.split('/models/')[0]}/models/install/{TINY_MODEL}/")
    page.get_by_label("A file", exact=True).check()
    page.get_by_label("Weight file").set_input_files(payload(name, content))
    page.get_by_role("button", name="Install").click()
    page.wait_for_url("**/models/install/")


def test_a_model_is_installed_from_a_file_of_this_computer(page: Page, server: Server) -> None:
    page.goto(f"{server.address}/models/install/sam_vit_b/")
    facts = page.get_by_role("form", name="Install sam_vit_b").locator("dl")
    expect(facts).to_contain_text("Apache-2.0")
    expect(facts).to_contain_text("SA-1B: research only")
    installs = page.get_by_label("Installs")
    install_file(page, "saved.pt", b"<!doctype html><title>Not found</title>")
    expect(installs.get_by_text("These weights cannot be used").first).to_be_visible()
    install_file(page, "mine.pt", tiny_weights())
    expect(installs.get_by_text(f"Installed as {VERSION}.")).to_be_visible()
    page.get_by_role("link", name="All models").first.click()
    expect(page.get_by_role("region", name=VERSION, exact=True)).to_contain_text("not stated")


def test_an_image_whose_embedding_failed_is_annotated_by_hand_and_tried_again(
    page: Page, browser: Browser, server: Server, other_model: None
) -> None:
    project_id = new_project(page, server, "Failing", photos=())
    pin_model(page, server, project_id)
    with nowhere_to_store(server), annotator_page(browser, server) as annotator:
        add_own_photos(page, server, project_id, "cat.jpg")
        expect(page.get_by_text("1 failed")).to_be_visible()
        expect(page.get_by_text("A file of the photo or of the model is missing")).to_be_visible()
        expect(page.get_by_role("button", name="Try cat.png again")).to_be_visible()

        annotator.goto(f"{server.address}/projects/{project_id}/queue/")
        annotator.get_by_role("button", name="Start annotating").click()
        alert = annotator.get_by_role("alert").filter(has_text=NOT_PREPARED)
        expect(alert).to_have_count(1)
        expect(annotator.get_by_text("Not prepared for the model.")).to_be_visible()
        fit = fit_of(annotator, 451, 300)
        annotator.keyboard.press("r")
        drag(annotator, fit, (40, 40), (140, 60))
        annotator.keyboard.press("Enter")
        expect_masks(annotator, 1)
        annotator.keyboard.press("l")
        drag(annotator, fit, (250, 60), (330, 60), (330, 150), (250, 150), (250, 62))
        annotator.keyboard.press("Enter")
        expect_masks(annotator, 2)
        expect_saved(annotator)
        image_id = image_id_of(annotator)
        areas = sorted(mask["area"] for mask in read_masks(page, server, image_id))
        assert len(areas) == 2
        assert areas[0] > 1000
        try_in_vain(annotator, server, image_id)  # still without an encoder
        expect(alert).to_have_count(1)
    with annotator_page(browser, server) as annotator:
        annotator.goto(f"{server.address}/projects/{project_id}/images/{image_id}/")
        expect(annotator.get_by_role("alert").filter(has_text=NOT_PREPARED)).to_be_visible()
        annotator.get_by_role("button", name="Try again").click()
        wait_for_workspace(annotator)
        expect(annotator.get_by_role("alert")).to_have_count(0)
        click_image(annotator, fit, 200, 150)
        annotator.keyboard.press("Escape")
        expect_masks(annotator, 2)
    expect(page.get_by_text("All images are ready to click")).to_be_visible()
    assert sorted(mask["area"] for mask in read_masks(page, server, image_id)) == areas


def versions_of(page: Page, server: Server, image_id: int) -> list[str]:
    """Return which model made each mask of an image, the oldest first, without the number of the default one."""
    masks = sorted(read_masks(page, server, image_id), key=lambda mask: str(mask["created_at"]))
    return [re.sub(r"^(sam_lite).*", r"\1", mask["provenance"]["model_version"]) for mask in masks]


def change_default_and_take_it_back(page: Page, server: Server) -> None:
    """Make the other model the default, see what that would cost, and go back."""
    page.goto(f"{server.address}/models/")
    page.get_by_role("link", name="Default model").click()
    page.get_by_label("Another version").select_option(label=OTHER_MODEL)
    page.get_by_role("button", name="Make it the default").click()
    expect(page.get_by_role("heading", name=OTHER_MODEL)).to_be_visible()
    expect(page.get_by_text(f"photos are not embedded with {OTHER_MODEL}")).to_be_visible()
    expect(page.get_by_text("Embedding takes one worker")).to_be_visible()
    page.get_by_role("button", name="Take back, to sam_lite").click()
    expect(page.get_by_role("heading", name=re.compile("^sam_lite"))).to_be_visible()
    page.goto(f"{server.address}/audit/")
    taken_back = page.get_by_role("listitem").filter(has_text="Change of the default model taken back")
    expect(taken_back.first).to_be_visible()


def choose_in_settings(page: Page, server: Server, project_id: int) -> Locator:
    """Keep the project to the other model; return the section that says what embedding with it takes."""
    pin_model(page, server, project_id)
    page.goto(f"{server.address}/projects/{project_id}/settings/")
    section = page.get_by_role("region", name="Model")
    expect(section).to_contain_text(f"2 photos are not embedded with {OTHER_MODEL}")
    return section


def test_a_model_is_rolled_out_while_people_annotate_and_rolled_back(
    page: Page, browser: Browser, server: Server, other_model: None
) -> None:
    project_id = new_project(page, server, "Change of model", photos=())
    add_own_photos(page, server, project_id, "cat.jpg", "coffee.jpg")
    wait_for_embeddings(page)
    cat, coffee = image_ids(page, server, project_id)
    change_default_and_take_it_back(page, server)
    with annotator_page(browser, server) as annotator:
        annotator.goto(f"{server.address}/projects/{project_id}/images/{cat}/")
        wait_for_workspace(annotator)
        fit = fit_of(annotator, 451, 300)
        click_image(annotator, fit, 200, 150)
        accept_mask(annotator, count=1)
        section = choose_in_settings(page, server, project_id)
        with nowhere_to_store(server):
            section.get_by_role("button", name="Embed them").click()
            expect(page.get_by_role("row").filter(has_text="Failed")).to_contain_text("All 2 images failed")
        page.reload()
        section.get_by_role("button", name="Embed them").click()
        expect(page.get_by_role("row").filter(has_text="Done")).to_contain_text("2 of 2")

        # The open cat goes on with the old model; the coffee is opened with the new one, without a reload.
        click_image(annotator, fit, 380, 60)
        accept_mask(annotator, count=2)
        for name in ("Next image", "Previous image", "Next image"):  # the first was loaded ahead, before the change
            step(annotator, name)
        click_image(annotator, fit_of(annotator, 600, 400), *ON_COFFEE)
        accept_mask(annotator, count=1)
        expect_saved(annotator)

        page.reload()
        expect(section).to_contain_text(f"Every photo is embedded with {OTHER_MODEL}")
        section.get_by_role("button", name="Take back, to the server's default").click()
        expect(page.get_by_text("The project follows the server's default model again.")).to_be_visible()
        annotator.goto(f"{server.address}/projects/{project_id}/images/{cat}/")  # anew: it was loaded ahead, before
        wait_for_workspace(annotator)
        click_image(annotator, fit, 100, 250)
        accept_mask(annotator, count=3)
        expect_saved(annotator)
    assert versions_of(page, server, cat) == ["sam_lite", "sam_lite", "sam_lite"]
    assert versions_of(page, server, coffee) == [OTHER_MODEL]
    (saved,) = read_masks(page, server, coffee)
    assert iou(decode(saved), expected_mask(page, server, coffee, saved)) > SAME_MASK
    page.goto(f"{server.address}/models/")
    other = page.get_by_role("region", name=OTHER_MODEL)
    expect(other).to_contain_text(re.compile(r"ms \(median\)"))
    expect(page.get_by_role("region", name=re.compile("^sam_lite"))).to_contain_text("some allow research only")
