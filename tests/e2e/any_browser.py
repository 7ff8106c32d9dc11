"""What browsers may lack, each as a script that runs before the page's own, and the main path that works without it."""

from itertools import pairwise
from typing import Any

import numpy as np
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.conftest import PATIENCE_MS
from tests.e2e.gestures import draw_stroke, expect_saved, rows
from tests.e2e.steps import Server, click_image, decode, expect_masks, fit_of, read_masks, wait_for_workspace

WIDTH, HEIGHT = 451, 300
FOREHEAD = (225.0, 110.0)
STROKE = [(20.0, 20.0), (90.0, 60.0), (160.0, 20.0)]


def without(*names: str) -> str:
    """Return a script after which globals are not there."""
    none = "{ value: undefined, configurable: true }"
    return "".join(f"Object.defineProperty(globalThis, '{name}', {none});" for name in names)


def refusing(name: str) -> str:
    """Return a script after which even looking at a global throws, as with storage that is blocked."""
    thrown = "throw new DOMException('The operation is insecure.', 'SecurityError')"
    return f"Object.defineProperty(globalThis, '{name}', {{ get() {{ {thrown} }}, configurable: true }});"


def throwing(owner: str, *methods: str) -> str:
    """Return a script after which methods of a class throw."""
    thrown = "throw new DOMException('It is full.', 'QuotaExceededError')"
    return "".join(f"{owner}.prototype.{method} = function () {{ {thrown} }};" for method in methods)


def none_of(owner: str, *names: str) -> str:
    """Return a script after which a class has no such properties."""
    none = "{ value: undefined, configurable: true }"
    return "".join(f"Object.defineProperty({owner}.prototype, '{name}', {none});" for name in names)


OPEN_FAILS = """IDBFactory.prototype.open = () => {
  const request = { error: new DOMException('No.', 'InvalidStateError') };
  setTimeout(() => request.onerror?.());
  return request;
};"""
CACHES_REJECT = "if (self.caches) CacheStorage.prototype.open = () => Promise.reject(new DOMException('No.'));"
NO_WORKER = "globalThis.Worker = class { constructor() { throw new Error('No worker.'); } };"
# Small ones that cannot stand in for one another share a browser: each takes seconds.
LACKS = {
    "crypto.randomUUID and crypto.subtle": none_of("Crypto", "randomUUID", "subtle"),
    "merged moves and held pointers": none_of("PointerEvent", "getCoalescedEvents")
    + throwing("Element", "setPointerCapture"),
    "places that keep, not there": without("indexedDB", "localStorage", "sessionStorage", "caches"),
    "indexedDB, refused": refusing("indexedDB"),
    "indexedDB, failing": OPEN_FAILS,
    "indexedDB, full": throwing("IDBObjectStore", "add", "put"),
    "localStorage and sessionStorage, refused": refusing("localStorage") + refusing("sessionStorage"),
    "localStorage, full": throwing("Storage", "setItem"),
    "caches, refusing": CACHES_REJECT,
    "locks, channels and clipboard": none_of("Navigator", "locks", "clipboard") + without("BroadcastChannel"),
    "shared memory": without("SharedArrayBuffer", "crossOriginIsolated") + none_of("Navigator", "hardwareConcurrency"),
    "Worker": without("Worker"),
    "Worker, refused": NO_WORKER,
    "WebSocket": without("WebSocket"),
    "WebAssembly and WebGPU": without("WebAssembly") + none_of("Navigator", "gpu"),
    "observers, drawing off the screen, newer signals": without("ResizeObserver", "IntersectionObserver")
    + without("OffscreenCanvas", "createImageBitmap", "requestIdleCallback")
    + "delete AbortSignal.any; delete AbortSignal.timeout;",
}


def person_at(browser: Browser, storage: Any, *, lacking: str = "") -> tuple[BrowserContext, list[str]]:
    """Return a signed-in profile of a browser that lacks something, and the list of what goes wrong in its pages."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-US", storage_state=storage)
    context.set_default_timeout(PATIENCE_MS)
    problems: list[str] = []
    context.on("weberror", lambda error: problems.append(f"exception: {error.error}"))
    context.on("console", lambda told: problems.append(told.text) if told.type == "error" else None)
    if lacking:
        context.add_init_script(lacking)
    return context, problems


def work(page: Page, server: Server, address: str, image_id: int) -> None:
    """Click, keep, paint, see it saved; the image has no masks before."""
    page.goto(address)
    wait_for_workspace(page)
    fit = fit_of(page, WIDTH, HEIGHT)
    click_image(page, fit, *FOREHEAD)
    page.keyboard.press("Enter")
    expect_masks(page, 1)
    page.keyboard.press("r")
    draw_stroke(page, fit, STROKE)
    page.keyboard.press("Enter")
    expect_masks(page, 2)
    expect_saved(page)
    expect_work(read_masks(page, server, image_id))


def expect_work(saved: list[dict[str, Any]]) -> None:
    """See that one mask is the cat's and the other the stroke."""
    clicked, painted = sorted((decode(mask) for mask in saved), key=lambda mask: mask[20, 20])
    assert clicked[110, 225]
    assert 0.05 < clicked.mean() < 0.95
    expect_stroke(painted)


def walk(page: Page, server: Server, address: str, image_id: int) -> None:
    """The main path: work, and reload."""
    work(page, server, address, image_id)
    page.reload()
    wait_for_workspace(page)
    expect(rows(page)).to_have_count(2)


def expect_stroke(painted: np.ndarray) -> None:
    """See that a stroke is one line through its places, not dabs."""
    for (x0, y0), (x1, y1) in pairwise(STROKE):
        for step in np.linspace(0, 1, 40):
            assert painted[round(y0 + (y1 - y0) * step), round(x0 + (x1 - x0) * step)]
