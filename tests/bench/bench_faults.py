"""Kill processes, hold locks and turn the clock while people work; say what was lost, got stuck or was left over.

    python -m tests.bench faults [--only web,worker,...] [--database sqlite|postgresql] [--hold 30]

Starts the whole product under its launcher on a data directory of its own, with PostgreSQL on TEST_POSTGRESQL_URL (or
postgres://postgres@127.0.0.1/postgres) in a database that is made and dropped. Prints one JSON object a fault; the exit
code is 1 when one of them is not borne. The clock is turned by libfaketime (Debian: faketime). Loopback only.
"""

import argparse
import contextlib
import io
import json
import os
import socket
import sqlite3
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import numpy as np
import psycopg
from PIL import Image as Pillow

from tests.bench.faults.product import (
    MAKE,
    PHOTOS,
    ROOT,
    WITHIN_S,
    Product,
    as_operations,
    as_upload,
    wait_until,
)

LIBFAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
FAR = "+3650d"
Facts = dict[str, Any]


class Saver(threading.Thread):
    """Saves batches of masks and sends each again until it is acknowledged."""

    def __init__(self, product: Product, made: Facts, *, batch: int = 20) -> None:
        super().__init__(daemon=True)
        self.product, self.made, self.batch = product, made, batch
        self.halt, self.acknowledged, self.rounds = threading.Event(), dict[str, str](), 0
        self.fault = ""

    def run(self) -> None:
        """Save until told to stop."""
        try:
            while not self.halt.is_set():
                start = self.rounds * self.batch % 360
                operations = as_operations(self.made["masks"][start : start + self.batch])
                image = self.made["images"][self.rounds % PHOTOS]
                path = f"/images/{image}/operations"
                self.product.call(self.made["tokens"][0], "POST", path, {"operations": operations})
                self.acknowledged |= {one["annotation_id"]: one["fields"]["counts"] for one in operations}
                self.rounds += 1
        except SystemExit as error:
            self.fault = str(error)

    def wait_for(self, rounds: int) -> None:
        """Return when so many batches more are acknowledged."""
        goal = self.rounds + rounds
        wait_until(lambda: self.rounds >= goal or bool(self.fault), "saves")

    def stop(self) -> None:
        """End after the batch that is under way."""
        self.halt.set()
        self.join()


def kill_while_saving(product: Product, made: Facts, name: str) -> Facts:
    """Kill a process three times in the middle of batches."""
    before = product.masks(made["projects"][0])
    saver = Saver(product, made)
    saver.start()
    for _ in range(3):
        saver.wait_for(3)
        product.kill(name)
    saver.wait_for(3)
    saver.stop()
    stored = product.masks(made["projects"][0])
    new = {key: counts for key, counts in stored.items() if key not in before}
    facts = {"acknowledged": len(saver.acknowledged), "stored": len(new), "refusals": product.refusals}
    return {**facts, "error": saver.fault, "ok": not saver.fault and new == saver.acknowledged}


def kill_web_in_upload(product: Product, made: Facts) -> Facts:
    """Kill the web process when half of an upload has arrived; send it again afterwards."""
    body = as_upload("files", "late.png", make_photo(900))
    path = f"/projects/{made['projects'][0]}/images"
    head = f"POST /api/v1{path} HTTP/1.1\r\nHost: 127.0.0.1:{product.port}\r\nContent-Length: {len(body)}\r\n"
    head += f"Authorization: Bearer {made['tokens'][0]}\r\n"
    head += f"Content-Type: multipart/form-data; boundary={body[2:34].decode()}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", product.port)) as line:
        line.sendall(head.encode() + body[: len(body) // 2])
        product.kill("web")
        with contextlib.suppress(OSError):
            line.recv(1)
    (row,) = product.call(made["tokens"][0], "POST", path, body)
    left = [path for path in (product.folder / "media").rglob("*") if path.is_file() and ".parts" in path.parts]
    return {"status": row["status"], "left_in_media": len(left), "ok": row["status"] == "added" and not left}


def kill_worker_while_embedding(product: Product, made: Facts) -> Facts:
    """Kill the worker three times while photos wait; all of them get their embedding without help."""
    project, token = made["projects"][0], made["tokens"][0]
    waiting = f"/projects/{project}/images?status=waiting&page_size=1"
    for number in range(40):
        product.call(
            token, "POST", f"/projects/{project}/images", as_upload("files", f"e{number}.png", make_photo(number))
        )
    kills = 0
    for _ in range(3):
        if product.call(token, "GET", waiting)["total"]:
            product.kill("worker")
            kills += 1
            wait_until(lambda: "worker" in product.children(), "the worker")
    wait_until(lambda: product.call(token, "GET", waiting)["total"] == 0, "the embeddings")
    failed = product.call(token, "GET", f"/projects/{project}/images?status=failed&page_size=1")["total"]
    return {"kills": kills, "failed": failed, "ok": kills > 0 and failed == 0}


def kill_in_export(product: Product, made: Facts, name: str) -> Facts:
    """Kill a process while an export is written; the export comes to its end and certifies every mask."""
    project, token = made["projects"][0], made["tokens"][0]
    fill(product, made)
    options = {"format": "coco", "images": "copy"}
    job = product.call(token, "POST", f"/projects/{project}/exports", options)
    job = kill_in_job(product, token, job, name)
    certificate = job["report"].get("certificate", {})
    masks = len(product.masks(project))
    is_whole = job["status"] == "done" and certificate["masks"]["verified"] == masks and not certificate["mismatched"]
    facts = {"status": job["status"], "masks": masks, "verified": certificate.get("masks", {}).get("verified")}
    return {**facts, "killed_while": job["killed_while"], "ok": is_whole}


def kill_in_import(product: Product, made: Facts, name: str) -> Facts:
    """Kill a process while a file of masks is imported; every mask comes once."""
    token, (source, target) = made["tokens"][0], made["projects"]
    fill(product, made)
    exported = product.call(token, "POST", f"/projects/{source}/exports", {"format": "coco"})
    wait_until(lambda: product.call(token, "GET", f"/jobs/{exported['id']}")["status"] == "done", "the export")
    rows = product.call(token, "GET", f"/projects/{source}/exports")
    file = next(row for row in rows if row["job_id"] == exported["id"] and row["name"].endswith(".json")
                and "certificate" not in row["name"])  # fmt: skip
    status, _headers, data = product.ask(token, "GET", f"/exports/{file['id']}/download")
    assert status == 200
    before = len(product.masks(target))
    upload = as_upload("file", "masks.json", data, options=json.dumps({"format": "coco"}))
    row = product.call(token, "POST", f"/projects/{target}/imports", upload)
    wait_until(lambda: product.call(token, "GET", f"/imports/{row['id']}")["job"]["status"] == "done", "the preview")
    preview = product.call(token, "GET", f"/imports/{row['id']}")["preview"]
    job = product.call(token, "POST", f"/imports/{row['id']}/start", {"options": row["options"]})
    job = kill_in_job(product, token, job, name)
    taken = len(product.masks(target)) - before
    wanted = preview["masks"]["created"]
    facts = {"status": job["status"], "killed_while": job["killed_while"], "expected": wanted, "taken": taken}
    return {**facts, "ok": job["status"] == "done" and taken == wanted}


def fill(product: Product, made: Facts) -> None:
    """Save so many masks that a job with them takes a while."""
    for image in made["images"]:
        operations = as_operations(made["masks"])
        product.call(made["tokens"][0], "POST", f"/images/{image}/operations", {"operations": operations})


def kill_in_job(product: Product, token: str, job: Facts, name: str) -> Facts:
    """Kill a process as soon as a job runs and return the job at its end."""

    def now() -> Facts:
        found: Facts = product.call(token, "GET", f"/jobs/{job['id']}")
        return found

    wait_until(lambda: now()["status"] != "pending", "the job's start")
    killed_while = now()["status"]
    product.kill(name)
    wait_until(lambda: now()["status"] in ("done", "failed", "cancelled"), "the job's end")
    return {**now(), "killed_while": killed_while}


def hold_the_lock(product: Product, made: Facts, database_url: str, seconds: float) -> Facts:
    """Hold the database's lock from outside: people are told busy, and everything is stored once it is free."""
    before = product.masks(made["projects"][0])
    answers: Counter[str] = Counter()
    operations = as_operations(made["masks"][:5])
    with held(product, database_url):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            status, headers, data = product.ask(
                made["tokens"][0], "POST", f"/images/{made['images'][0]}/operations", {"operations": operations}
            )
            code = json.loads(data).get("code", "") if data[:1] == b"{" else ""
            answers[f"{status} {code} {'Retry-After' in headers}"] += 1
    product.call(made["tokens"][0], "POST", f"/images/{made['images'][0]}/operations", {"operations": operations})
    new = {key for key in product.masks(made["projects"][0]) if key not in before}
    is_told = set(answers) == {"503 busy True"}
    return {"answers": dict(answers), "stored": len(new), "ok": is_told and len(new) == 5}


@contextlib.contextmanager
def held(product: Product, database_url: str) -> Iterator[None]:
    """Hold what nobody can write without."""
    if database_url:
        with psycopg.connect(database_url) as line:
            line.execute("LOCK TABLE annotations_annotation IN ACCESS EXCLUSIVE MODE")
            yield
            line.rollback()
        return
    with contextlib.closing(sqlite3.connect(product.folder / "maskwright.sqlite3", isolation_level=None)) as line:
        line.execute("PRAGMA busy_timeout=60000")
        line.execute("BEGIN EXCLUSIVE")
        yield
        line.execute("ROLLBACK")


def turn_the_clock(folder: Path, database_url: str) -> Facts:
    """Let the clock jump to and fro under a running product: work goes on, and nothing is held for years."""
    file = folder / "clock"
    file.write_text("+0\n")
    # libfaketime breaks clock_nanosleep when it leaves the steady clock alone, so Python sleeps by select here.
    (folder / "sitecustomize.py").write_text(
        "import select, time\ntime.sleep = lambda seconds: select.select([], [], [], max(seconds, 0)) and None\n"
    )
    product = Product(
        folder / "data", database_url, LD_PRELOAD=str(LIBFAKETIME), FAKETIME_TIMESTAMP_FILE=str(file),
        FAKETIME_NO_CACHE="1", FAKETIME_DONT_FAKE_MONOTONIC="1", PYTHONPATH=f"{folder}{os.pathsep}{ROOT}",
    )  # fmt: skip
    stuck: dict[str, str] = {}
    product.start()
    try:
        made = product.run(MAKE)
        for jump in ("+1d", "+0", "-1d", "+0", FAR, "+0"):
            file.write_text(f"{jump}\n")
            try:
                work_a_round(product, made, claimed=made["images"][:3] if jump == FAR else [])
            except SystemExit as error:
                stuck[jump] = str(error)
        claims = [product.ask(made["tokens"][1], "POST", f"/images/{image}/lease")[0] for image in made["images"]]
    finally:
        product.stop()
    return {"stuck": stuck, "claims": dict(Counter(claims)), "ok": not stuck and set(claims) == {200}}


def work_a_round(product: Product, made: Facts, *, claimed: list[int]) -> None:
    """Claim images, save masks, upload a photo and wait until the worker has embedded it."""
    token, project = made["tokens"][0], made["projects"][0]
    for image in claimed:
        product.call(token, "POST", f"/images/{image}/lease")
    operations = as_operations(made["masks"][:3])
    product.call(token, "POST", f"/images/{made['images'][5]}/operations", {"operations": operations})
    photo = as_upload("files", f"{uuid.uuid4().hex}.png", make_photo(int(time.monotonic() * 1000) % 2**31))
    (row,) = product.call(token, "POST", f"/projects/{project}/images", photo)

    def is_embedded() -> bool:
        detail = product.call(token, "GET", f"/images/{row['image_id']}")
        return bool(detail["embedding"]["status"] == "ready")

    wait_until(is_embedded, "an embedding")


def make_photo(seed: int) -> bytes:
    """Return a photo that no other is equal to."""
    values = np.random.default_rng(seed).integers(0, 255, (96, 128, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Pillow.fromarray(values).save(buffer, "PNG")
    return buffer.getvalue()


def faults(product: Product, made: Facts, wanted: argparse.Namespace, url: str) -> dict[str, Callable[[], Facts]]:
    """Return the faults that one running product bears one after another."""
    return {
        "web_killed_while_saving": lambda: kill_while_saving(product, made, "web"),
        "web_killed_in_upload": lambda: kill_web_in_upload(product, made),
        "worker_killed_while_embedding": lambda: kill_worker_while_embedding(product, made),
        "worker_killed_in_export": lambda: kill_in_export(product, made, "worker"),
        "worker_killed_in_import": lambda: kill_in_import(product, made, "worker"),
        "launcher_killed_while_saving": lambda: kill_while_saving(product, made, "launcher"),
        "launcher_killed_in_export": lambda: kill_in_export(product, made, "launcher"),
        "lock_held": lambda: hold_the_lock(product, made, url, wanted.hold),
    }


def run_all(folder: Path, wanted: argparse.Namespace) -> bool:
    """Run the faults that were asked for and say whether all of them are borne."""
    is_fine = True
    with a_database(wanted.database) as url:
        product = Product(folder / "data", url, DATABASE_WAIT_SECONDS="3")
        product.start()
        try:
            made = product.run(MAKE)
            for name, do in faults(product, made, wanted, url).items():
                if wanted.only and not any(word in name for word in wanted.only.split(",")):
                    continue
                is_fine &= tell(name, do)
        finally:
            product.stop()
    if not wanted.only or "clock" in wanted.only:
        with a_database(wanted.database) as url:
            (folder / "turned").mkdir()
            is_fine &= tell("clock_turned", lambda: turn_the_clock(folder / "turned", url))
    return is_fine


def tell(name: str, do: Callable[[], Facts]) -> bool:
    """Do one fault, print what came of it, and say whether it was borne."""
    started = time.monotonic()
    try:
        facts = do()
    except (SystemExit, AssertionError) as error:
        facts = {"ok": False, "error": str(error)[:500]}
    print(json.dumps({"fault": name, **facts, "seconds": round(time.monotonic() - started, 1)}), flush=True)
    return bool(facts["ok"])


@contextlib.contextmanager
def a_database(kind: str) -> Iterator[str]:
    """Yield the address of an empty database; "" for SQLite in the data directory."""
    if kind == "sqlite":
        yield ""
        return
    server = os.environ.get("TEST_POSTGRESQL_URL", "postgres://postgres@127.0.0.1:5432/postgres")
    name = f"maskwright_faults_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as line:
        line.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        finally:
            line.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="words of the faults' names, separated by commas")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--hold", type=float, default=30.0, help=f"seconds that the lock is held, below {WITHIN_S:.0f}")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="maskwright-faults-") as folder:
        return 0 if run_all(Path(folder), wanted) else 1


if __name__ == "__main__":
    sys.exit(main())
