"""docs/operations.md names only what there is, and its proxies carry pages, uploads and sockets."""

import datetime as dt
import re
import shutil
import socket
import ssl
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.management import get_commands
from django.urls import resolve

from annotator import environment
from annotator.launcher.commands import USAGE
from annotator.launcher.options import ROOT
from tests.annotator.running_server import RunningServer
from tests.bench.__main__ import names as bench_names
from tests.waiting import Talker

TEXT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
PASSWORD = "Correct-Horse-7"


def block(language: str) -> str:
    """Return the document's one block of a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return str(found)


def test_every_setting_exists_and_is_described() -> None:
    words = set(re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", TEXT)) | set(re.findall(r"`([A-Z]{4,})[`=]", TEXT))
    settings = {word for word in words if word not in {"SIGTERM", "SIGINT", "WAL"}}
    assert {"DATA_DIR", "DATABASE_URL", "BACKUPS_BEFORE_UPGRADE", "DEMO"} <= settings
    assert settings - environment.NAMES == set()
    described = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", CONFIGURATION))
    assert settings - described == set()


def test_every_command_and_address_exists() -> None:
    commands = set(re.findall(r"manage\.py ([a-z_]+)", TEXT))
    assert {"backup", "restore", "run_worker", "check"} <= commands
    assert commands - {*get_commands(), "check"} == set()
    targets = set(re.findall(r"\bmake ([a-z]+)\b(?! a| it)", TEXT))
    assert {f"\n{name}:" in (ROOT / "Makefile").read_text() for name in targets & {"run", "setup", "test"}} == {True}
    assert "setup" in USAGE
    assert {resolve(path).view_name is not None for path in re.findall(r"GET (/[a-z/]+)", TEXT)} == {True}
    assert set(re.findall(r"tests\.bench ([a-z]+)", TEXT)) <= set(bench_names())
    options = set(re.findall(r"`?(--[a-z-]+)", " ".join(re.findall(r"manage\.py (?:backup|restore)[^`\n]*", TEXT))))
    said = "".join(_help_of(name) for name in ("backup", "restore"))
    assert {option for option in options if option not in said} == set()


def test_every_place_in_the_table_is_made_by_the_product() -> None:
    places = re.findall(r"^\| `([a-z_.\-*/]+[a-z*0-9])`", TEXT, re.MULTILINE)
    source = "".join(path.read_text() for path in (ROOT / "annotator").rglob("*.py"))
    assert len(places) >= 8
    assert [place for place in places if place.split("/")[-1].rstrip("*") not in source] == []


def _help_of(name: str) -> str:
    command = [sys.executable, "manage.py", name, "--help"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The web process as the document sets it up for https, at a foreign host name."""
    port = free_port()
    one = RunningServer(
        tmp_path_factory.mktemp("behind") / "data", ALLOWED_HOSTS="your.host", BEHIND_TLS="1",
        CSRF_TRUSTED_ORIGINS=f"https://your.host:{port}", PROXY_PORT=str(port),
    )  # fmt: skip
    one.proxy_port = port
    one.prepare()
    one.home.run(
        "from annotator.accounts.models import User\nuser = User.objects.get(username='ada')\n"
        f"user.set_password({PASSWORD!r})\nuser.save()\nprint(1)"
    )
    one.start()
    yield one
    one.stop()


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_as_documented(server: RunningServer, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    port = server.proxy_port
    text = block("nginx").replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
    text = text.replace("/etc/letsencrypt/live/your.host/fullchain.pem", str(certificate))
    text = text.replace("/etc/letsencrypt/live/your.host/privkey.pem", str(key))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in kinds)
    file = tmp_path / "nginx.conf"
    file.write_text(
        f"daemon off;\nmaster_process off;\npid {tmp_path}/pid;\nerror_log stderr notice;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{places}{text}}}\n"
    )
    with running(["nginx", "-c", str(file), "-p", str(tmp_path), "-e", "stderr"], until="event method"):
        assert_people_can_work(port)


@pytest.mark.skipif(shutil.which("caddy") is None, reason="caddy is not installed")
def test_caddy_as_documented(server: RunningServer, tmp_path: Path) -> None:
    port = server.proxy_port
    text = block("caddy").replace("your.host {", f"your.host:{port} {{\n    tls internal\n    bind 127.0.0.1")
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
    file = tmp_path / "Caddyfile"
    options = f"admin off\nauto_https disable_redirects\nskip_install_trust\nstorage file_system {tmp_path}/caddy\n"
    file.write_text(f"{{\n{options}}}\n{text}")
    with running(["caddy", "run", "--config", str(file), "--adapter", "caddyfile"], until="serving initial config"):
        assert_people_can_work(port)


def assert_people_can_work(port: int) -> None:
    """Sign in by the page, with its cookies and its origin, then open the socket."""
    page, _body = ask(port, "GET", "/login/")
    assert page.status == 200
    assert page.headers["Strict-Transport-Security"]
    assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    cookies = page.headers.get_all("Set-Cookie") or []
    assert cookies
    assert all("Secure" in cookie for cookie in cookies)
    token = next(cookie.split("=", 1)[1].split(";")[0] for cookie in cookies if cookie.startswith("csrftoken="))
    form = urllib.parse.urlencode({"username": "ada", "password": PASSWORD, "csrfmiddlewaretoken": token}).encode()
    headers = {
        "Cookie": f"csrftoken={token}", "Origin": f"https://your.host:{port}",
        "Referer": f"https://your.host:{port}/login/", "Content-Type": "application/x-www-form-urlencoded",
    }  # fmt: skip
    signed_in, _body = ask(port, "POST", "/login/", form, headers)
    assert (signed_in.status, signed_in.headers["Location"]) == (302, "/projects/")
    session = next(
        one for one in signed_in.headers.get_all("Set-Cookie") or [] if one.startswith("sessionid=")
    )  # fmt: skip
    assert "Secure" in session
    assert "HttpOnly" in session
    forged, _body = ask(port, "POST", "/login/", form, headers | {"Origin": "https://evil.example"})
    assert forged.status == 403
    upgrade = {
        "Cookie": session.split(";")[0], "Origin": f"https://your.host:{port}", "Connection": "Upgrade",
        "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip
    assert ask(port, "GET", "/ws/projects/1", b"", upgrade)[0].status == 101


def ask(
    port: int, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[HTTPResponse, bytes]:
    """Send one request as a browser that knows the server by its name."""
    line = HTTPSConnection("your.host", port, timeout=30)
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    line.sock = trusting.wrap_socket(
        socket.create_connection(("127.0.0.1", port), timeout=30), server_hostname="your.host"
    )
    line.request(method, path, body, headers or {})
    answer = line.getresponse()
    data = b"" if answer.status == 101 else answer.read()
    line.close()
    return answer, data


@contextmanager
def running(command: list[str], *, until: str) -> Iterator[None]:
    """Run a proxy until the block ends, which begins when it has said that it listens."""
    proxy = Talker(command)
    try:
        proxy.wait_for(until)
        yield
    finally:
        proxy.end()


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for your.host that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "your.host")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(1)).not_valid_after(now + dt.timedelta(30))
    certificate = builder.sign(key, hashes.SHA256())
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files[1].write_bytes(key.private_bytes(*private))
    return files
