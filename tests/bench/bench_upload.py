"""Upload photos of 12 megapixels to real processes; print request times and the memory of web process and worker.

    python tests/bench/bench_upload.py [--photos 200] [--model sam_lite] [--at-once 2]

Starts its own server and worker on a data directory of its own. Prints one JSON object. Linux only (/proc).
"""

import argparse
import http.client
import io
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SIZE = (4000, 3000)
BASES = 6
BOUNDARY = "bench-boundary"


def make_bases() -> list[bytes]:
    """Return noisy photos; noise is what makes a JPEG large and slow to decode."""
    random = np.random.default_rng(1)
    photos = []
    for _ in range(BASES):
        coarse = random.integers(0, 255, (SIZE[1] // 100, SIZE[0] // 100, 3)).astype(np.uint8)
        smooth = np.asarray(Image.fromarray(coarse).resize(SIZE, Image.Resampling.BICUBIC)).astype(np.int16)
        noisy = smooth + random.integers(-18, 19, (SIZE[1], SIZE[0], 1), dtype=np.int16)
        buffer = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=92)
        photos.append(buffer.getvalue())
    return photos


def unique(photo: bytes, number: int) -> bytes:
    """Return the photo with a comment of its own, so that its content is new to the server."""
    comment = f"photo {number}".encode()
    return photo[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + photo[2:]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def manage(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


SETUP = """
from annotator.accounts.models import ApiToken, User
from annotator.projects.commands import NewProject
from annotator.projects.services import create_project
user = User.objects.create_superuser(username="bench", password=None)
project = create_project(user, NewProject(name="Bench"))
print(project.pk, ApiToken.issue(user, name="bench")[1])
"""


class Server:
    """A web process and a worker, and the calls that the bench makes."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.port = int(environment["PORT"])
        line = manage(environment, "shell", "-v", "0", "-c", SETUP).splitlines()[-1]
        self.project, self.token = line.split()
        out = log.open("wb")
        web = [sys.executable, "-m", "uvicorn", "annotator.asgi:application", "--port", str(self.port)]
        web += ["--log-level", "warning", "--no-access-log"]
        worker = [sys.executable, "manage.py", "run_worker"]
        self.processes = [
            subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out) for command in (web, worker)
        ]

    def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        line.request(method, path, body, {"Authorization": f"Bearer {self.token}", **headers})
        answer = line.getresponse()
        data = answer.read()
        line.close()
        return answer.status, json.loads(data)

    def wait_until_ready(self) -> None:
        for _ in range(600):
            try:
                if self.call("GET", "/health/ready")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise RuntimeError("the server did not become ready")

    def upload(self, name: str, photo: bytes) -> float:
        """Upload one photo and return the request's seconds."""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
        body = head + photo + f"\r\n--{BOUNDARY}--\r\n".encode()
        started = time.perf_counter()
        status, rows = self.call(
            "POST",
            f"/api/v1/projects/{self.project}/images",
            body,
            **{"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
        )
        if status != 200 or rows[0]["status"] != "added":
            raise RuntimeError(f"{name}: {status} {rows}")
        return time.perf_counter() - started

    def waiting(self) -> int:
        return int(self.call("GET", f"/api/v1/projects/{self.project}/images?status=waiting&page_size=1")[1]["total"])

    def stop(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(30)


def peak_mb(process: subprocess.Popen[bytes]) -> float:
    """Return the largest resident memory the process ever had, in MB."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return round(int(line.split()[1]) / 1024, 1)
    raise RuntimeError("no VmHWM")


def run(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    environment = {
        **os.environ,
        "DATA_DIR": str(folder / "data"),
        "PORT": str(free_port()),
        "DEFAULT_MODEL": options.model,
        "LOG_LEVEL": "WARNING",
        "DJANGO_SETTINGS_MODULE": "annotator.settings",
    }
    manage(environment, "migrate", "-v", "0")
    if options.models:
        shutil.copytree(options.models, folder / "data" / "models")
    manage(environment, "install_model", "sam_lite")
    bases = make_bases()
    server = Server(environment, folder / "server.log")
    try:
        server.wait_until_ready()
        started = time.perf_counter()
        with ThreadPoolExecutor(options.at_once) as pool:
            jobs = [pool.submit(server.upload, f"{n}.jpg", unique(bases[n % BASES], n)) for n in range(options.photos)]
            seconds = [job.result() for job in jobs]
        uploaded = time.perf_counter() - started
        while (left := server.waiting()) and time.perf_counter() - started < uploaded + options.wait_s:
            time.sleep(0.5)
        waited = time.perf_counter() - started
        web, worker = (peak_mb(process) for process in server.processes)
    finally:
        server.stop()
    return {
        "photos": options.photos,
        "photo_mb": round(statistics.mean(len(photo) for photo in bases) / 1e6, 1),
        "model": options.model,
        "request_p50_s": round(statistics.median(seconds), 3),
        "request_p95_s": round(sorted(seconds)[int(len(seconds) * 0.95)], 3),
        "request_max_s": round(max(seconds), 3),
        "upload_s": round(uploaded, 1),
        "ready": options.photos - left,
        "waited_s": round(waited, 1),
        "web_peak_mb": web,
        "worker_peak_mb": worker,
        "load_average": os.getloadavg()[0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--model", default="sam_lite")
    parser.add_argument("--models", help="a DATA_DIR/models whose graphs are exported already")
    parser.add_argument("--wait-s", type=float, default=1800, help="how long to wait for the embeddings")
    parser.add_argument("--at-once", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-upload-") as folder:
        print(json.dumps(run(options, Path(folder)), indent=1))


if __name__ == "__main__":
    main()
