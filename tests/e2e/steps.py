"""What a person does on the pages, by the roles and names that everybody sees. Knows nothing of the server's inside."""

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect
from pycocotools import mask as coco_mask

PHOTOS = Path(__file__).resolve().parents[2] / "fixtures" / "demo" / "photos"
FIT_MARGIN_PX = 24


@dataclass(frozen=True)
class Server:
    """The running product."""

    address: str
    data_dir: Path
    password: str
    said: str


def sign_in(page: Page, server: Server, username: str = "admin") -> None:
    """Sign in and arrive at the projects."""
    page.goto(f"{server.address}/login/")
    page.locator("[name=username]").fill(username)  # whatever the language of the page
    page.locator("[name=password]").fill(server.password)
    page.locator(".sign-in-card .button.primary").click()
    page.wait_for_url("**/projects/")


def make_project(page: Page, server: Server, name: str, labels: list[str]) -> int:
    """Make a project with labels and return its id; the page is then the project's home."""
    page.goto(f"{server.address}/projects/")
    page.get_by_role("link", name="New project").click()
    page.get_by_label("Name", exact=True).fill(name)
    for number, label in enumerate(labels, 1):
        if page.get_by_label(f"Name of label {number}").count() == 0:
            page.get_by_role("button", name="Add another label").click()
        page.get_by_label(f"Name of label {number}").fill(label)
    page.get_by_role("button", name="Create project").click()
    page.wait_for_url(re.compile(r"/projects/\d+/$"))
    return int(page.url.rstrip("/").rsplit("/", 1)[1])


def payload(name: str, content: bytes | None = None) -> FilePayload:
    """Return a file to choose: a demo photo by its name, or any content under any name."""
    data = (PHOTOS / name).read_bytes() if content is None else content
    return {"name": name, "mimeType": "application/octet-stream", "buffer": data}


def encode(image: Image.Image, format_: str, **options: Any) -> bytes:
    """Return an image as a file's bytes."""
    out = io.BytesIO()
    image.save(out, format_, **options)
    return out.getvalue()


def choose_files(page: Page, files: list[FilePayload]) -> None:
    """Choose files for upload and wait until every one has its outcome."""
    page.get_by_label("Choose photos or a zip").set_input_files(files)
    expect(page.get_by_text(re.compile(r"\d+ images? added"))).to_be_visible()


def wait_for_embeddings(page: Page) -> None:
    """Wait until the page itself says that all images can be clicked."""
    expect(page.get_by_text("All images are ready to click")).to_be_visible()


def open_image(page: Page, name: str) -> int:
    """Open an image from the grid, wait until it can be clicked, and return its id."""
    page.get_by_role("link", name=f"Open {name}").click()
    page.wait_for_url(re.compile(r"/images/\d+/$"))
    wait_for_workspace(page)
    return image_id_of(page)


def wait_for_workspace(page: Page) -> None:
    """Wait until the model is loaded and the image's embedding is there."""
    expect(page.get_by_text("Ready", exact=True)).to_be_visible()


def image_id_of(page: Page) -> int:
    """Return the image that the address names."""
    return int(page.url.rstrip("/").rsplit("/", 1)[1])


@dataclass(frozen=True)
class Fit:
    """How the whole photo lies on the canvas right after opening: scale and upper left corner, in CSS pixels."""

    scale: float
    left: float
    top: float


def fit_of(page: Page, width: int, height: int) -> Fit:
    """Work out where the workspace puts a photo that it fits into its canvas."""
    box = page.get_by_role("application").bounding_box()
    assert box is not None
    scale = min((box["width"] - FIT_MARGIN_PX) / width, (box["height"] - FIT_MARGIN_PX) / height)
    left = box["x"] + (box["width"] - width * scale) / 2
    return Fit(scale, left, box["y"] + (box["height"] - height * scale) / 2)


def click_image(page: Page, fit: Fit, x: float, y: float, *, button: Any = "left") -> None:
    """Click at a pixel of the photo and wait for the candidates."""
    page.mouse.click(fit.left + x * fit.scale, fit.top + y * fit.scale, button=button)
    expect(page.get_by_role("group", name="Candidates").get_by_text(re.compile(r"\d\.\d\d")).first).to_be_visible()


def accept_mask(page: Page, *, count: int) -> None:
    """Keep the mask, and wait until there are `count` of them and all is saved."""
    page.keyboard.press("Enter")
    expect_masks(page, count)
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()


def expect_masks(page: Page, count: int) -> None:
    """Wait until the list shows so many masks."""
    expect(page.get_by_role("grid", name="Masks").get_by_role("row")).to_have_count(count)


def read_masks(page: Page, server: Server, image_id: int) -> list[dict[str, Any]]:
    """Return the saved masks of an image as the API gives them."""
    answer = page.request.get(f"{server.address}/api/v1/images/{image_id}/annotations")
    assert answer.ok
    annotations: list[dict[str, Any]] = answer.json()["annotations"]
    return annotations


def decode(annotation: dict[str, Any]) -> np.ndarray:
    """Return a mask as H x W booleans."""
    mask = coco_mask.decode({"size": annotation["size"], "counts": annotation["counts"].encode()})
    return np.asarray(mask, bool)


def painted_mask(page: Page, fit: Fit, width: int, height: int) -> np.ndarray:
    """Return what the masks' canvas shows at the centre of each pixel of the photo, H x W booleans."""
    rows = page.evaluate(
        """([left, top, scale, width, height]) => {
            const canvas = document.querySelector("canvas.masks");
            const box = canvas.getBoundingClientRect();
            const ratio = canvas.width / box.width;
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            const painted = [];
            for (let y = 0; y < height; y += 1) {
                let row = "";
                for (let x = 0; x < width; x += 1) {
                    const column = Math.floor((left - box.x + (x + 0.5) * scale) * ratio);
                    const line = Math.floor((top - box.y + (y + 0.5) * scale) * ratio);
                    row += data[(line * canvas.width + column) * 4 + 3] > 40 ? "1" : "0";
                }
                painted.push(row);
            }
            return painted;
        }""",
        [fit.left, fit.top, fit.scale, width, height],
    )
    return np.array([[letter == "1" for letter in row] for row in rows])


def iou(first: np.ndarray, second: np.ndarray) -> float:
    """Return the intersection over union of two masks."""
    return float((first & second).sum() / (first | second).sum())
