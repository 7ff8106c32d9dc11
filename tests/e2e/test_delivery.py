"""How pages come to the browser: compressed, cached for ever where names hold a hash, and small."""

import gzip
import http.client
import re

from playwright.sync_api import Page

from tests.e2e.steps import Server

START_SCRIPT_BYTES = 120_000
FIRST_PAGE_BYTES = 200_000


def fetch(server: Server, path: str) -> tuple[bytes, dict[str, str]]:
    """Return a body as it came over the wire, and its headers in lower case."""
    line = http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=30)
    line.request("GET", path, headers={"Accept-Encoding": "gzip"})
    answer = line.getresponse()
    body = answer.read()
    line.close()
    return body, {name.lower(): value for name, value in answer.getheaders()}


def test_the_workspace_starts_small_and_compressed(page: Page, server: Server) -> None:
    page.goto(f"{server.address}/projects/")
    page.get_by_role("link", name=re.compile("Demo")).first.click()
    page.get_by_role("link", name=re.compile("^Open ")).first.click()
    page.wait_for_url(re.compile(r"/images/\d+/$"))
    paths = re.findall(r'(?:src|href)="(/static/dist/[^"]+\.(?:js|css))"', page.content())
    assert paths
    total = 0
    for path in paths:
        body, headers = fetch(server, path)
        assert headers["content-encoding"] == "gzip"
        assert "immutable" in headers["cache-control"]
        assert len(gzip.decompress(body)) > len(body)
        assert len(body) < START_SCRIPT_BYTES
        total += len(body)
    assert total < FIRST_PAGE_BYTES
