"""A network that fails at random, and a ledger of everything a page journalled, compared with the server at the end.

The ledger hears each operation as it is written into the browser's own storage, before the product sends it. At the end
every one of them is in the history of its mask exactly once, and every mask that was made was made once.
"""

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import BrowserContext, Page, Route

from tests.bench.bench_workspace import Client

OPERATIONS = "**/api/v1/images/*/operations"
# The page's own name for an operation that is written; it also catches what later versions write over in place.
LISTEN = """
const add = IDBObjectStore.prototype.add;
IDBObjectStore.prototype.add = function (value, ...rest) {
  if (value && value.operation) {
    const { op_id, type, annotation_id } = value.operation;
    window.noteOperation({ op_id, type, annotation_id, image_id: value.imageId });
  }
  return add.call(this, value, ...rest);
};
"""
# What a browser logs of its own accord when requests fail: that is what this run makes happen.
EXPECTED = ("net::ERR_", "status of 503", "status of 500", "WebSocket connection", "Failed to fetch")
SETTLE_S = 180


@dataclass
class Ledger:
    """What the page has journalled."""

    operations: dict[str, dict[str, Any]] = field(default_factory=dict)

    def listen(self, page: Page) -> None:
        """Hear every operation that the page writes from now on."""
        page.expose_binding("noteOperation", lambda _, operation: self.note(operation))
        page.add_init_script(LISTEN)

    def note(self, operation: dict[str, Any]) -> None:
        """Note one; the browser's storage writes each once."""
        self.operations[operation["op_id"]] = operation

    def made(self) -> int:
        """Return how many masks the page has made."""
        return sum(operation["type"] == "create" for operation in self.operations.values())

    def compare(self, client: Client) -> list[str]:
        """Return what is not with the server exactly once."""
        found: Counter[str] = Counter()
        problems = []
        for mask in sorted({operation["annotation_id"] for operation in self.operations.values()}):
            try:
                history = client.call("GET", f"/annotations/{mask}/revisions")
            except RuntimeError as error:
                problems.append(f"mask {mask}: {error}")
                continue
            found.update(entry["op_id"] for entry in history)
            if sum(entry["action"] == "create" for entry in history) != 1:
                problems.append(f"mask {mask} was made more than once")
        problems += [
            f"{op['type']} {op_id} is there {found[op_id]} times"
            for op_id, op in self.operations.items()
            if found[op_id] != 1
        ]
        return problems


class Cuts:
    """The network of one browser profile: off for seconds, answers that are lost, a server that fails, at random."""

    def __init__(self, context: BrowserContext, seed: int) -> None:
        self.context = context
        self.chance = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.until = 0.0
        context.route(OPERATIONS, self._save)

    def act(self) -> None:
        """Cut the network now and then, and bring it back after a while."""
        now = time.monotonic()
        if self.until and now > self.until:
            self.restore()
        elif not self.until and self.chance.random() < 0.03:
            self.counts["cuts"] += 1
            self.until = now + self.chance.expovariate(1 / 4)
            self.context.set_offline(True)

    def restore(self) -> None:
        """Bring the network back."""
        self.until = 0.0
        self.context.set_offline(False)

    def end(self) -> None:
        """Fail no more."""
        self.context.unroute(OPERATIONS)
        self.restore()

    def _save(self, route: Route) -> None:
        fate = self.chance.choices(["arrive", "lost answer", "busy", "failing", "lost"], weights=[70, 10, 8, 6, 6])[0]
        self.counts[fate] += 1
        if fate == "arrive":
            route.continue_()
        elif fate == "lost":
            route.abort("connectionreset")
        elif fate == "lost answer":
            try:
                route.fetch()
            finally:
                route.abort("connectionreset")
        else:
            status = 503 if fate == "busy" else 500
            route.fulfill(status=status, json={"code": "busy", "message": "made to fail", "extra": {}})


def wait_until_saved(page: Page) -> str:
    """Wait until the header says that all is saved, or for as long as patience lasts; return what it says.

    A mask that was set aside, because the server failed on it again and again, is tried again, as a person would.
    """
    until = time.monotonic() + SETTLE_S
    state = page.locator(".save")
    while time.monotonic() < until and not is_saved(page):
        again = page.locator("[data-choice=retry]")
        if again.count() > 0:
            if not again.first.is_visible():  # random keys have closed the panel
                page.keyboard.press("\\")
            again.first.click()
        page.wait_for_timeout(500)
    return "saved" if is_saved(page) else f"{state.get_attribute('data-save-state')}: {state.inner_text()}"


def is_saved(page: Page) -> bool:
    """Say whether nothing waits, of this image and of others."""
    is_here = page.locator(".save").get_attribute("data-save-state") == "saved"
    return is_here and page.locator(".save-elsewhere").count() == 0
