"""Every operation of the API with whatever its schema allows and forbids (schemathesis), looking for answers of 5xx.

    python -m tests.bench api [--seconds 300] [--database sqlite|postgresql] [--caller admin|annotator|nobody]

Starts a web process and a worker on a data directory of its own. PostgreSQL is that of TEST_POSTGRESQL_URL (or
postgres://postgres@127.0.0.1/postgres), in a database that is made and dropped. schemathesis comes from
tests/bench/requirements.txt into .venv-bench at the first run. Prints one JSON object, counted by the server's own log:
requests, answers by status, and each call that was answered with 5xx; exits 1 if there is one. A 503 with the code
`preparing` or `no_model` is an answer by contract and counted apart.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.annotator.running_server import RunningServer

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".venv-bench"
BY_CONTRACT = ("preparing", "no_model")
NAMES = {"admin": "ada", "annotator": "noor", "nobody": ""}

# What small numbers in addresses may hit.
FILL = """
import io
from annotator.accounts.models import User
from annotator.annotations.models import Annotation
from annotator.images.services import add_photo
from annotator.projects.models import Label, Project
from tests.annotator.conftest import jpeg
from tests.annotator.test_api_annotations import counts_of
project = Project.objects.get()
User.objects.filter(username="ada").update(is_superuser=True, is_staff=True)
for number in range(9):
    Label.objects.create(project=project, name=f"label {number}", color="#E69F00")
for number in range(30):
    image = add_photo(project, io.BytesIO(jpeg(seed=number)), name=f"{number}.jpg", user=None).image
    Annotation.objects.create(id=f"00000000-0000-4000-8000-{number:012}", image=image, counts=counts_of(), bbox_x=10,
                              bbox_y=5, bbox_w=20, bbox_h=12, area=240, source="manual", state="accepted")
"""
SCHEMA = """
import json
from annotator.api import api
print(json.dumps(api.get_openapi_schema(path_prefix="/api/v1/"), default=str))
"""


def install_tools() -> Path:
    """Return schemathesis, installed at the first run."""
    program = TOOLS / "bin" / "schemathesis"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(TOOLS)], check=True)
        wanted = ROOT / "tests" / "bench" / "requirements.txt"
        subprocess.run([str(TOOLS / "bin" / "pip"), "install", "-q", "-r", str(wanted)], check=True)
    return program


def attack(server: RunningServer, folder: Path, wanted: argparse.Namespace) -> str:
    """Run schemathesis until its time is over and return what it said last."""
    schema = folder / "schema.json"
    schema.write_text(server.home.run(SCHEMA).splitlines()[-1])
    command = [
        str(install_tools()), "run", str(schema), "--url", f"http://127.0.0.1:{server.port}", "--max-time",
        str(wanted.seconds), "--checks", "not_a_server_error", "--continue-on-failure", "--no-shrink", "--workers", "2",
        "--request-timeout", "60", "--suppress-health-check", "all", "--seed", str(wanted.seed), "--no-color",
    ]  # fmt: skip
    if name := NAMES[wanted.caller]:
        command += ["--header", f"Authorization: Bearer {server.tokens[name]}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    (folder / "schemathesis.txt").write_text(done.stdout + done.stderr)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    return lines[-1] if lines else done.stderr[-500:]


def count_answers(log: Path) -> dict[str, Any]:
    """Return requests, answers by status, and the calls with 5xx, as the server's log has them."""
    statuses: Counter[int] = Counter()
    failed: Counter[str] = Counter()
    reasons: list[str] = []
    for line in log.read_text(errors="replace").splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if said.get("message") == "request":
            statuses[said["status"]] += 1
            if said["status"] >= 500 and said.get("code") not in BY_CONTRACT:
                failed[f"{said['method']} {said['path']} {said['status']}"] += 1
        elif "traceback" in said and len(reasons) < 20:
            reasons.append(said["traceback"].strip().splitlines()[-1][:300])
    return {
        "requests": sum(statuses.values()),
        "statuses": dict(sorted(statuses.items())),
        "server_errors": sum(failed.values()),
        "failed": dict(failed.most_common(30)),
        "reasons": dict(Counter(reasons).most_common()),
    }


def measure(database_url: str, wanted: argparse.Namespace) -> dict[str, Any]:
    """Prepare, attack, and stop whatever was started."""
    with tempfile.TemporaryDirectory(prefix="maskwright-api-") as name:
        folder = Path(name)
        server = RunningServer(folder / "data", database_url, LOG_LEVEL="INFO")
        server.prepare()
        server.home.manage("install_model", "sam_tiny_test")
        server.home.run(FILL)
        log = folder / "log.txt"
        with log.open("wb") as out:
            server.start(log=out)
            worker = subprocess.Popen(
                [sys.executable, "manage.py", "run_worker"], env=server.home.environment, cwd=ROOT,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            try:
                last = attack(server, folder, wanted)
            finally:
                worker.terminate()
                server.stop()
                worker.wait(60)
        if wanted.keep:
            wanted.keep.write_bytes(log.read_bytes())
        return {**count_answers(log), "schemathesis": last}


@contextmanager
def database(kind: str) -> Iterator[str]:
    """Yield the address of an empty database; an empty text stands for SQLite."""
    if kind == "sqlite":
        yield ""
        return
    given = os.environ.get("TEST_POSTGRESQL_URL", "postgres://postgres@127.0.0.1/postgres")
    name = f"maskwright_api_{os.getpid()}"
    with psycopg.connect(urlunsplit(urlsplit(given)._replace(path="/postgres")), autocommit=True) as line:
        line.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlunsplit(urlsplit(given)._replace(path=f"/{name}"))
        finally:
            line.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def main() -> int:
    """Attack the API and print the figures; return 1 where an answer was 5xx, or there was hardly any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--database", choices=["postgresql", "sqlite"], default="sqlite")
    parser.add_argument("--caller", choices=sorted(NAMES), default="admin")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="where to keep the server's log")
    wanted = parser.parse_args()
    with database(wanted.database) as url:
        figures = measure(url, wanted)
    print(json.dumps({"database": wanted.database, "caller": wanted.caller, "seconds": wanted.seconds, **figures}))
    return 1 if figures["server_errors"] or figures["requests"] < wanted.seconds else 0


if __name__ == "__main__":
    sys.exit(main())
