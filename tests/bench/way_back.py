"""The way back into the workspace, for random input that has left it. Knows nothing of what the hands do there."""

import argparse
import contextlib
from dataclasses import dataclass

from playwright.sync_api import Dialog, Page
from playwright.sync_api import Error as BrowserError

from tests.bench.bench_workspace import Client

SETTLE_MS = 3000
OPEN_MS = 120_000  # for the workspace to be ready
WAYS_BACK = 5


@dataclass
class Way:
    """The way back into the workspace, for hands that have left it: by a link, in another language, signed out."""

    page: Page
    client: Client
    options: argparse.Namespace
    home: str

    def __post_init__(self) -> None:
        self.page.on("dialog", self._answer)

    def _answer(self, dialog: Dialog) -> None:
        """Leave where the page asks whether to; say no to everything else."""
        if dialog.type == "beforeunload":
            dialog.accept()
        else:
            dialog.dismiss()

    def is_lost(self) -> bool:
        """Say whether the page shows something else than a workspace with a photo."""
        return self.page.get_by_role("application").count() == 0

    def come_back(self) -> None:
        """Sign in again where that is needed, and open the workspace. The network is there."""
        if self.page.request.get(f"{self.options.url}/api/v1/me").status == 401:
            self.client.sign_in(self.page, self.options.username, self.options.password)
        for _ in range(WAYS_BACK):
            # Where it was going when the network came back may interrupt the way here.
            with contextlib.suppress(BrowserError):
                self.page.goto(self.home)
                self.page.wait_for_selector(".engine-ready", timeout=OPEN_MS)
                return
            self.page.wait_for_timeout(SETTLE_MS)
        raise RuntimeError("the workspace cannot be opened again")
