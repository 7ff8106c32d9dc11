"""Whatever keeps the model from running in the browser: a click still gets its mask, or the page says what is wrong.

Faults are made where they happen in life: headers that a proxy took away, files damaged on the way, a worker that dies.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, Worker, expect

from tests.e2e.gestures import paint_mask
from tests.e2e.steps import Server, accept_mask, click_image, decode, iou, read_masks, sign_in, wait_for_workspace
from tests.e2e.workspace_steps import image_ids, new_project, open_workspace
from tests.waiting import wait_until

pytestmark = pytest.mark.e2e
FOREHEAD = (225.0, 110.0)
SAME = 0.98
KERNEL = re.compile(r"/upscale[^/]*\.wasm")
GRAPH = re.compile(r"/(\w*first)\.onnx")
WEIGHTS = re.compile(r"/models/[^/]+/.*\.(onnx|data|bin)")


def new_photo(page: Page, server: Server) -> tuple[int, int]:
    """Make a project with the cat, wait until it is embedded, and return the ids of both."""
    project_id = new_project(page, server, "Faults")
    (image_id,) = image_ids(page, server, project_id)
    page.goto(f"{server.address}/projects/{project_id}/")
    expect(page.get_by_text("All images are ready to click")).to_be_visible()
    return project_id, image_id


def click_and_keep(page: Page, server: Server, photo: tuple[int, int]) -> np.ndarray:
    """Open the photo, click on the cat, keep the mask and return what was saved."""
    fit = open_workspace(page, server, *photo, masks=0)
    wait_for_workspace(page)
    click_image(page, fit, *FOREHEAD)
    accept_mask(page, count=1)
    (saved,) = read_masks(page, server, photo[1])
    assert saved["provenance"]["prompts"], "made by a click, not by hand"
    return decode(saved)


@contextmanager
def unguarded_page(browser: Browser, server: Server) -> Iterator[Page]:
    """A signed-in page whose console may complain: here something is meant to go wrong."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-US")
    page = context.new_page()
    sign_in(page, server)
    yield page
    context.close()


@pytest.fixture(scope="module")
def cat(browser: Browser, server: Server) -> np.ndarray:
    """The mask that a healthy browser gives."""
    with unguarded_page(browser, server) as page:
        return click_and_keep(page, server, new_photo(page, server))


@pytest.fixture
def person(browser: Browser, server: Server) -> Iterator[Page]:
    """Somebody whose browser knows nothing of the model yet."""
    with unguarded_page(browser, server) as page:
        yield page


@pytest.fixture
def photo(person: Page, server: Server) -> tuple[int, int]:
    """A project with the cat, embedded: (project id, image id)."""
    return new_photo(person, server)


def change_page_headers(page: Page, change: Callable[[dict[str, str]], None]) -> None:
    """Let workspace pages arrive with other headers than the server gave them."""

    def answer(route: Route) -> None:
        response = route.fetch()
        headers = dict(response.headers)
        change(headers)
        route.fulfill(response=response, headers=headers)

    page.route(re.compile(r"/images/\d+/$"), answer)


def expect_engine(page: Page, name: str) -> None:
    """See which engine decodes, and that its dialog says so."""
    button = page.locator("[data-engine]")
    expect(button).to_have_attribute("data-engine", name)
    button.click()
    expect(page.get_by_text(f"the fastest right one: {name}")).to_be_visible()
    page.keyboard.press("Escape")


def graphs_asked_for(page: Page) -> list[str]:
    """Return a list that collects which graphs for a first click the page asks for; none for a trial of WebGPU."""
    names: list[str] = []
    page.add_init_script("delete Navigator.prototype.gpu")
    page.on("request", lambda request: names.extend(GRAPH.findall(request.url)))
    return names


def test_the_accelerator_decodes_where_the_model_has_one(
    person: Page, server: Server, photo: tuple[int, int], cat: np.ndarray
) -> None:
    names = graphs_asked_for(person)
    assert iou(click_and_keep(person, server, photo), cat) > SAME
    assert set(names) == {"accelerated_first"}


def test_plain_graphs_decode_where_the_kernel_cannot_be_had(
    person: Page, server: Server, photo: tuple[int, int], cat: np.ndarray
) -> None:
    names = graphs_asked_for(person)
    person.route(KERNEL, lambda route: route.abort())
    assert iou(click_and_keep(person, server, photo), cat) > SAME
    assert set(names) == {"accelerated_first", "first"}
    expect_engine(person, "wasm-threads")


def test_plain_graphs_decode_a_model_without_an_accelerator(
    person: Page, server: Server, photo: tuple[int, int], cat: np.ndarray
) -> None:
    def take_accelerator(route: Route) -> None:
        manifest = route.fetch().json()
        assert manifest["accelerator"]
        route.fulfill(json=manifest | {"accelerator": None})

    names = graphs_asked_for(person)
    person.route(re.compile(r"/manifest\.json"), take_accelerator)
    assert iou(click_and_keep(person, server, photo), cat) > SAME
    assert set(names) == {"first"}
    expect_engine(person, "wasm-threads")


def test_one_thread_decodes_where_memory_cannot_be_shared(
    person: Page, server: Server, photo: tuple[int, int], cat: np.ndarray
) -> None:
    def unshare(headers: dict[str, str]) -> None:
        del headers["cross-origin-opener-policy"], headers["cross-origin-embedder-policy"]

    change_page_headers(person, unshare)
    assert iou(click_and_keep(person, server, photo), cat) > SAME
    assert person.evaluate("crossOriginIsolated") is False
    expect_engine(person, "wasm")


def test_the_server_decodes_where_a_policy_blocks_webassembly(
    person: Page, server: Server, photo: tuple[int, int], cat: np.ndarray
) -> None:
    def block(headers: dict[str, str]) -> None:
        policy = headers["content-security-policy"]
        assert "'wasm-unsafe-eval'" in policy
        headers["content-security-policy"] = policy.replace("'wasm-unsafe-eval'", "")

    change_page_headers(person, block)
    person.route(re.compile(r"\.js$"), lambda route: without_webassembly(route, block))
    assert iou(click_and_keep(person, server, photo), cat) > SAME
    expect_engine(person, "server")


def without_webassembly(route: Route, block: Callable[[dict[str, str]], None]) -> None:
    """A worker's script brings a policy of its own."""
    response = route.fetch()
    headers = dict(response.headers)
    if "content-security-policy" in headers:
        block(headers)
    route.fulfill(response=response, headers=headers)


@pytest.mark.parametrize("fault", ["damaged", "missing"])
def test_a_model_that_does_not_arrive_whole_is_told_and_hands_go_on(
    person: Page, server: Server, photo: tuple[int, int], fault: str
) -> None:
    def spoil(route: Route) -> None:
        if fault == "missing":
            route.fulfill(status=404, body="")
            return
        response = route.fetch()
        body = bytearray(response.body())
        body[len(body) // 2] ^= 0xFF
        route.fulfill(response=response, body=bytes(body))

    person.route(WEIGHTS, spoil)
    fit = open_workspace(person, server, *photo, masks=0)
    expect(person.get_by_text("The model did not load").first).to_be_visible()
    paint_mask(person, fit, [(200, 100), (240, 130)], count=1)
    expect(person.get_by_text("Saved", exact=True)).to_be_visible()

    person.unroute(WEIGHTS)
    person.reload()
    wait_for_workspace(person)


def only_decoder(page: Page) -> Worker:
    """Wait until one decoder is left: the one before it, or one that tries WebGPU, goes by itself."""
    wait_until(lambda: len(decoders_of(page)) == 1, what="a single decoder")
    return decoders_of(page)[0]


def decoders_of(page: Page) -> list[Worker]:
    page.evaluate("null")  # so that what came and went is known
    return [worker for worker in page.workers if "decoder" in worker.url]


def test_a_worker_that_dies_is_replaced_and_its_click_answered(
    person: Page, server: Server, photo: tuple[int, int], cat: np.ndarray
) -> None:
    fit = open_workspace(person, server, *photo, masks=0)
    wait_for_workspace(person)
    worker = only_decoder(person)
    worker.evaluate("setTimeout(() => { throw new Error('out of memory'); }), 0")
    click_image(person, fit, *FOREHEAD)
    accept_mask(person, count=1)
    (saved,) = read_masks(person, server, photo[1])
    assert iou(decode(saved), cat) > SAME
    assert only_decoder(person) != worker


def test_a_tab_that_slept_in_the_background_answers_the_first_click(
    person: Page, server: Server, photo: tuple[int, int], cat: np.ndarray
) -> None:
    fit = open_workspace(person, server, *photo, masks=0)
    wait_for_workspace(person)
    session = person.context.new_cdp_session(person)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    session.send("Page.setWebLifecycleState", {"state": "active"})
    click_image(person, fit, *FOREHEAD)
    accept_mask(person, count=1)
    (saved,) = read_masks(person, server, photo[1])
    assert iou(decode(saved), cat) > SAME
