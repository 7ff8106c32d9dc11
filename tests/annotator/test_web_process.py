"""What the web process is and what every answer of it carries."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import AsyncClient, Client

from annotator import environment
from annotator.http.json_log import JsonFormatter
from annotator.images.models import Image
from tests.annotator.conftest import Api, body_of

ROOT = Path(__file__).resolve().parents[2]


def imported_by(code: str, names: tuple[str, ...], folder: Path) -> str:
    """Return which of the modules a process has imported that ran `code`."""
    code += f"\nimport sys; print([name for name in {names} if name in sys.modules])"
    environ = {"DATA_DIR": str(folder), "PATH": "/usr/bin:/bin", "DJANGO_SETTINGS_MODULE": "annotator.settings"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True).stdout.strip()


def test_importing_the_web_process_imports_no_model(tmp_path: Path) -> None:
    code = "import annotator.asgi\nfrom django.urls import get_resolver\nget_resolver().url_patterns"
    assert imported_by(code, ("torch", "onnxruntime", "onnx", "sam_core.modeling"), tmp_path) == "[]"


def test_a_command_starts_without_the_api_and_without_pictures(tmp_path: Path) -> None:
    code = "import django; django.setup()"
    assert imported_by(code, ("ninja", "pydantic", "PIL", "numpy", "sam_core"), tmp_path) == "[]"


WANTED = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}


@pytest.mark.parametrize("path", ["/health/live", "/api/v1/me", "/api/v1/nothing", "/no/such/page", "/static/none.js"])
def test_every_answer_isolates_the_page(db: None, path: str) -> None:
    answer = Client().get(path)
    assert {name: answer[name] for name in WANTED} == WANTED
    policy = dict(part.split(" ", 1) for part in answer["Content-Security-Policy"].split("; "))
    assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert policy["worker-src"] == "'self' blob:"
    assert policy["frame-ancestors"] == "'none'"
    assert len(answer["X-Request-Id"]) == 16


def test_errors_below_api_come_in_the_envelope(as_admin: Api) -> None:
    assert as_admin.get("/nothing").json()["code"] == "not_found"
    answer = as_admin.post("/me")
    assert (answer.status_code, answer.json()["code"], answer["Allow"]) == (405, "method_not_allowed", "GET")


@pytest.fixture
def static_folder(tmp_path: Path, settings: Any) -> Path:
    folder = tmp_path / "static-source"
    (folder / "dist" / "assets").mkdir(parents=True)
    settings.STATICFILES_DIRS = [folder]
    settings.MIDDLEWARE = [*settings.MIDDLEWARE]
    return folder


@contextmanager
def fresh_finders() -> Iterator[None]:
    """Let static files be looked for where the settings of the test say."""
    get_finder: Any = finders.get_finder
    get_finder.cache_clear()
    try:
        yield
    finally:
        get_finder.cache_clear()


def get_static(path: str, **headers: str) -> Any:
    with fresh_finders():
        answer: Any = Client().get(path, headers=headers)
        answer.body = body_of(answer)
        return answer


@pytest.mark.parametrize(
    ("name", "kind"),
    [("m.wasm", "application/wasm"), ("m.mjs", "text/javascript"), ("m.js", "text/javascript"), ("m.css", "text/css")],
)
def test_static_files_have_the_types_browsers_insist_on(static_folder: Path, name: str, kind: str) -> None:
    (static_folder / name).write_bytes(b"content")
    answer = get_static(f"/static/{name}")
    assert (answer.status_code, answer.body) == (200, b"content")
    assert answer["Content-Type"].split(";")[0] == kind
    assert "immutable" not in answer["Cache-Control"]
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"


def test_hashed_assets_are_immutable_and_compressed_where_present(static_folder: Path) -> None:
    import gzip

    asset = static_folder / "dist" / "assets" / "main-B2x9Qz_a.js"
    asset.write_bytes(b"x" * 1000)
    (asset.parent / (asset.name + ".gz")).write_bytes(gzip.compress(b"x" * 1000))
    answer = get_static(f"/static/dist/assets/{asset.name}", **{"Accept-Encoding": "gzip"})
    assert answer["Content-Encoding"] == "gzip"
    assert "immutable" in answer["Cache-Control"]
    assert "max-age=315360000" in answer["Cache-Control"]


async def test_static_files_stream_under_asgi(static_folder: Path) -> None:
    (static_folder / "m.wasm").write_bytes(b"y" * 600_000)
    with fresh_finders():
        answer: Any = await AsyncClient().get("/static/m.wasm")
        assert answer.is_async
        assert len([chunk async for chunk in answer]) == 3


def test_health_live(client: Client) -> None:
    assert client.get("/health/live").json() == {"status": "ok"}
    assert client.post("/health/live").status_code == 405


def test_health_ready_names_what_is_missing(db: None) -> None:
    answer = Client().get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {
        "database": "ok",
        "disk": "ok",
        "worker": "no worker is running",
        "model": "model sam_lite is not installed",
    }


def test_logs_are_one_json_object_a_line() -> None:
    record = logging.LogRecord("annotator.x", logging.WARNING, "f.py", 1, "hello %s", ("you",), None)
    record.image_id = 7
    line = JsonFormatter().format(record)
    body = json.loads(line)
    assert "\n" not in line
    assert (body["level"], body["message"], body["image_id"]) == ("warning", "hello you", 7)


def test_requests_are_logged_without_bodies(as_admin: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "annotator.request"):
        as_admin.get("/projects?search=secret-word")
    (record,) = (vars(record) for record in caplog.records if record.name == "annotator.request")
    assert (record["method"], record["path"], record["status"]) == ("GET", "/api/v1/projects", 200)
    assert "secret-word" not in caplog.text


def test_unforeseen_errors_tell_nothing_of_the_inside(
    as_admin: Api, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    from annotator.images import selectors

    def fail(*args: Any) -> None:
        raise RuntimeError("secret path /srv/x")

    monkeypatch.setattr(selectors, "get_image_detail", fail)
    answer = as_admin.get(f"/images/{image.pk}")
    assert answer.status_code == 500
    assert answer.json() == {"code": "server_error", "message": "Something went wrong on the server.", "extra": {}}


def failed_checks() -> str:
    with pytest.raises(SystemCheckError) as error:
        call_command("check")
    return str(error.value)


def test_checks_pass_as_set_up(db: None) -> None:
    call_command("check")


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "PROBLEMS", [])
    monkeypatch.setenv("PORT", "eighty")
    assert environment.read_int("PORT", 8000, low=1, high=65535) == 8000
    assert "maskwright.E001" in failed_checks()
    assert "PORT='eighty'" in failed_checks()


@pytest.mark.parametrize(("raw", "value"), [("1", True), ("off", False), ("", True)])
def test_booleans(monkeypatch: pytest.MonkeyPatch, raw: str, value: bool) -> None:
    monkeypatch.setenv("X", raw)
    assert environment.read_bool("X", True) is value


def test_checks_of_folders_and_secret(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "none"
    assert "maskwright.E002" in failed_checks()
    settings.DATA_DIR = tmp_path
    settings.INGEST_ROOT = tmp_path / "none"
    assert "maskwright.E003" in failed_checks()
    settings.INGEST_ROOT = tmp_path.parent
    assert "maskwright.E004" in failed_checks()
    settings.INGEST_ROOT = None
    settings.SECRET_KEY = "short"
    assert "maskwright.E005" in failed_checks()


def test_the_secret_is_made_once_and_kept_to_its_owner(tmp_path: Path) -> None:
    first = environment.load_or_make_secret(tmp_path / "deep" / "secret_key")
    assert environment.load_or_make_secret(tmp_path / "deep" / "secret_key") == first
    assert len(first) >= 60
    assert (tmp_path / "deep" / "secret_key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["secret_key"]


def test_the_api_documentation_asks_no_other_site(admin_client: Client) -> None:
    page = admin_client.get("/api/v1/docs")
    assert page.status_code == 200
    assert "://" not in "".join(part for part in page.content.decode().split('"') if part.startswith(("http", "//")))
    script = Client().get("/static/ninja/swagger-ui-init.js")
    assert (script.status_code, script["Content-Type"].split(";")[0]) == (200, "text/javascript")
    script.close()
