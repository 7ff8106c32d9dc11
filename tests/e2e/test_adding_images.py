"""Adding images: what is taken, what is refused and why, and progress with and without WebSockets."""

import io
import re
import zipfile

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.e2e.steps import PHOTOS, Server, choose_files, encode, make_project, payload, wait_for_embeddings

pytestmark = pytest.mark.e2e


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Return a picture that nobody else has."""
    channels = {"RGB": 3, "CMYK": 4}[mode]
    return Image.fromarray(np.random.default_rng().integers(0, 255, (height, width, channels), np.uint8), mode)


def upright_facts(page: Page, server: Server, project_id: int) -> dict[str, tuple[int, int]]:
    """Return the size of each image of a project by its name."""
    answer = page.request.get(f"{server.address}/api/v1/projects/{project_id}/images")
    return {row["name"]: (row["width"], row["height"]) for row in answer.json()["items"]}


def test_each_file_is_taken_or_refused_with_its_reason_and_the_rest_goes_on(page: Page, server: Server) -> None:
    project_id = make_project(page, server, "Odd files", ["Thing"])
    cat = (PHOTOS / "cat.jpg").read_bytes()
    turned = Image.Exif()
    turned[0x0112] = 6
    files = [
        payload("cat.jpg"),
        payload("the same cat.jpg", cat),
        payload("notes.jpg", b"These are notes and no photo."),
        payload("cut off.jpg", cat[: len(cat) // 2]),
        payload("empty.png", b""),
        payload("고양이 🐈.png", encode(noise(40, 30), "PNG")),
        payload("print.jpg", encode(noise(40, 30, "CMYK"), "JPEG")),
        payload("phone.jpg", encode(noise(60, 40), "JPEG", exif=turned)),
    ]
    choose_files(page, files)
    expect(page.get_by_text("5 images added, 3 not added, with the reason below.")).to_be_visible()

    outcomes = page.get_by_role("list", name="Files that were not added").get_by_role("listitem")
    for name in ("the same cat.jpg", "notes.jpg", "cut off.jpg", "empty.png"):
        row = outcomes.filter(has_text=name)
        expect(row).to_have_count(1)
        expect(row).to_contain_text(re.compile(re.escape(name) + r".{8,}"))
    for name in ("cat.jpg", "고양이 🐈.png", "print.jpg", "phone.jpg"):
        expect(page.get_by_role("link", name=f"Open {name}", exact=True)).to_be_visible()
    sizes = upright_facts(page, server, project_id)
    assert len(sizes) == 5
    assert sizes["phone.jpg"] == (40, 60), "a photo turned by its EXIF entry stands upright"


def test_a_zip_is_unpacked_and_cannot_leave_its_place(page: Page, server: Server) -> None:
    project_id = make_project(page, server, "Zip", ["Thing"])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("trip/first.png", encode(noise(32, 24), "PNG"))
        archive.writestr("../../outside.png", encode(noise(24, 32), "PNG"))
        archive.writestr("trip/readme.txt", "no photo")
    choose_files(page, [payload("trip.zip", packed.getvalue())])
    expect(page.get_by_role("link", name=re.compile("Open .*first.png"))).to_be_visible()
    names = upright_facts(page, server, project_id)
    assert all(".." not in name and "/" not in name.lstrip("/")[:1] for name in names)
    assert not list(server.data_dir.parent.glob("**/outside.png"))


def test_a_large_zip_says_when_it_has_ended_and_what_was_refused(page: Page, server: Server) -> None:
    make_project(page, server, "Large zip", ["Thing"])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(10):
            archive.writestr(f"day1/{number}.png", encode(noise(32, 24), "PNG"))
        archive.writestr("day1/broken.png", b"no picture")
    choose_files(page, [payload("trip.zip", packed.getvalue())])
    expect(page.get_by_text("1 zip unpacked.")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("being unpacked")).to_have_count(0)
    refused = page.get_by_role("list", name="Not added from trip.zip").get_by_role("listitem")
    expect(refused).to_have_count(1)
    expect(refused).to_contain_text(re.compile("broken.png.*AVIF are taken"))
    expect(page.get_by_role("link", name="Open day1/9.png", exact=True)).to_be_visible()
    page.reload()
    expect(refused).to_have_count(1)
    expect(page.get_by_text("10 images added, 1 not added")).to_be_visible()


def test_photos_can_be_dropped_on_the_page(page: Page, server: Server) -> None:
    make_project(page, server, "Dropped", ["Thing"])
    data = list(encode(noise(48, 32), "PNG"))
    transfer = page.evaluate_handle(
        """(bytes) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "dropped.png", { type: "image/png" }));
            return transfer;
        }""",
        data,
    )
    zone = page.locator("[data-drop-zone]")
    for kind in ("dragenter", "dragover", "drop"):
        zone.dispatch_event(kind, {"dataTransfer": transfer})
    expect(page.get_by_role("link", name="Open dropped.png")).to_be_visible()
    wait_for_embeddings(page)


def test_progress_arrives_by_polling_where_websockets_are_blocked(page: Page, server: Server) -> None:
    page.route_web_socket(re.compile(r"/ws/"), lambda socket: socket.close(code=1011))
    make_project(page, server, "No sockets", ["Thing"])
    choose_files(page, [payload("polled.png", encode(noise(64, 48), "PNG"))])
    wait_for_embeddings(page)


def test_filters_and_search_change_the_grid_without_leaving_the_page(page: Page, server: Server) -> None:
    make_project(page, server, "Filters", ["Thing"])
    choose_files(page, [payload(f"{name}.png", encode(noise(32, 24), "PNG")) for name in ("red", "green")])
    page.get_by_label("Search images by name").fill("gre")
    expect(page.get_by_role("link", name="Open red.png")).to_have_count(0)
    expect(page.get_by_role("link", name="Open green.png")).to_be_visible()
    page.get_by_label("Search images by name").fill("")
    page.get_by_text("Reviewed", exact=True).click()
    expect(page.get_by_role("heading", name="No image fits")).to_be_visible()
