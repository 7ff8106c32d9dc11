"""Masks a second and peak memory of exports and imports, with people saving meanwhile, and after a kill.

    python tests/bench/bench_exchange.py --masks 1000000 --images 20000 --folder /tmp/bench

Everything runs as a user would run it: manage.py in processes of their own, on a SQLite file in --folder. The masks
are discs and rings on photos of 1500 x 1000 that exist as rows only. Prints one line of JSON for each figure.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # for a run by path, without -m

from tests.bench.saves import Saver, WebProcess, call, prepare_saves  # noqa: E402

HEIGHT, WIDTH = 1000, 1500
POOL = 400
INSERTED_AT_ONCE = 5000
KILLED_AFTER_SECONDS = 5
QUIET_SECONDS = 15


def main() -> None:
    """Make the rows, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--masks", type=int, default=20_000)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--formats", default="coco,sa1b")
    parser.add_argument("--job", action="store_true", help="export over HTTP, by a worker; nothing else")
    parser.add_argument("--only-export", action="store_true", help="do not import")
    parser.add_argument("--kill", action="store_true", help="kill each run once and let it go on")
    wanted = parser.parse_args()
    prepare(wanted.folder)
    make_rows(wanted.masks, wanted.images)
    web = WebProcess()
    try:
        quiet = Saver(web.port)
        time.sleep(QUIET_SECONDS)
        report_saves("with nothing else under way", quiet.stop())
        for name in wanted.formats.split(","):
            measure_format(name, wanted, web)
    finally:
        web.stop()


def prepare(folder: Path) -> None:
    """Point Django at the folder and make the tables."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.update(DATA_DIR=str(folder), DJANGO_SETTINGS_MODULE="annotator.settings", LOG_LEVEL="ERROR")
    os.environ["DATABASE_URL"] = f"sqlite:///{folder / 'bench.sqlite3'}"
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def make_rows(masks: int, images: int) -> None:
    """Fill project 1 with masks, and project 2 with the same photos and no masks."""
    from annotator.projects.models import Label, Project

    if Project.objects.exists():
        return
    started = time.perf_counter()
    for name in ("Full", "Empty"):
        project = Project.objects.create(name=name)
        make_images(project, images)
    full = Project.objects.get(name="Full")
    labels = [Label.objects.create(project=full, name=f"label {n}", color="#0072B2", position=n) for n in range(5)]
    make_masks(full, [label.pk for label in labels], masks // images)
    report("made", rows=masks, seconds=time.perf_counter() - started)


def make_images(project: Any, images: int) -> None:
    """Rows without files."""
    from annotator.images.models import Image

    rows = (
        Image(
            project=project, name=f"{n:06}.jpg", sha256=hashlib.sha256(str(n).encode()).hexdigest(), width=WIDTH,
            height=HEIGHT, byte_size=1, format="JPEG", status="ready", position=n,
        )
        for n in range(images)
    )  # fmt: skip
    Image.objects.bulk_create(rows, batch_size=500)


def make_masks(project: Any, labels: list[int], per_image: int) -> None:
    """Rows with ids as browsers make them, random; copied by the database itself, from a pool of masks."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE pool(n INTEGER PRIMARY KEY, counts, area, x, y, w, h)")
        rows = ((n, counts, area, *box) for n, (counts, area, box) in enumerate(make_pool()))
        cursor.executemany("INSERT INTO pool VALUES(%s, %s, %s, %s, %s, %s, %s)", list(rows))
        cursor.execute(
            """
            INSERT INTO annotations_annotation(
                id, image_id, label_id, counts, area, bbox_x, bbox_y, bbox_w, bbox_h, source, state, predicted_iou,
                stability_score, provenance, attributes, z_order, is_locked, revision, stage, active_ms, created_at,
                updated_at)
            WITH RECURSIVE place(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM place WHERE k + 1 < %s)
            SELECT lower(hex(randomblob(16))), i.id, %s + (i.id + k) %% 5, counts, area, x, y, w, h, 'manual',
                'accepted', 0.9, 0.95,
                json_object('prompts', json_array(
                    json_object('type', 'point', 'x', x + 1.5, 'y', y + 2.5, 'label', 1))),
                '{}', 0, 0, 1, 'assisted_manual', 1500, datetime('now'), datetime('now')
            FROM images_image i CROSS JOIN place JOIN pool ON pool.n = (i.id * 53 + k * 7919) %% %s
            WHERE i.project_id = %s
            """,
            [per_image, labels[0], POOL, project.pk],
        )
    with connection.cursor() as cursor:  # or the first save would pay for writing all this into the main file
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def make_pool() -> Iterator[tuple[str, int, tuple[int, int, int, int]]]:
    """Discs and rings of 5 to 80 px radius."""
    import numpy as np

    from annotator.mask_gateway import encode, measure_masks
    from annotator.sam_answers import MeasuredMask

    rng = np.random.default_rng(7)
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    counts = []
    for _ in range(POOL):
        radius = rng.integers(5, 80)
        distance = (rows - rng.integers(0, HEIGHT)) ** 2 + (columns - rng.integers(0, WIDTH)) ** 2
        counts.append(encode((distance < radius**2) & (distance >= (radius // 3) ** 2 * rng.integers(0, 2))))
    for measured in measure_masks(counts, [(HEIGHT, WIDTH)] * POOL):
        assert isinstance(measured, MeasuredMask)
        yield measured.counts, measured.area, measured.bbox_xywh


def measure_format(name: str, wanted: argparse.Namespace, web: "WebProcess") -> None:
    """Export project 1 while somebody saves, then import into project 2 while somebody saves, and take it out again."""
    from annotator.annotations.models import Annotation
    from annotator.projects.models import Project

    out = wanted.folder / f"export-{name}"
    shutil.rmtree(out, ignore_errors=True)
    full, empty = Project.objects.get(name="Full"), Project.objects.get(name="Empty")
    saver = Saver(web.port)
    if wanted.job:
        done = export_by_job(web, name, full)
        report(
            f"export {name} by the worker",
            masks=done["verified"],
            seconds=done["seconds"],
            mismatches=done["mismatches"],
        )
        report_saves(f"during export {name} by the worker", saver.stop())
        return
    export = manage("export_project", str(full.pk), "--format", name, "--output", str(out), kill=wanted.kill)
    waits = saver.stop()
    masks = json.loads(next(out.glob("*certificate.json")).read_text())["masks"]
    report(f"export {name}", **rate(masks["verified"], export), mismatches=masks["mismatches"])
    report_saves(f"during export {name}", waits)
    if wanted.only_export:
        return
    files = [path for path in out.iterdir() if path.suffix in (".json", ".tar") and "certificate" not in path.name]
    source = files[0] if len(files) == 1 else unpacked(files, wanted.folder / "unpacked")
    saver = Saver(web.port)
    imported = manage("import_project", str(empty.pk), str(source), kill=wanted.kill)
    report_saves(f"during import {name}", saver.stop())
    stored = Annotation.objects.filter(image__project=empty).count()
    report(f"import {name}", **rate(stored, imported), report=imported["report"].get("masks"))
    Annotation.objects.filter(image__project=empty).delete() if stored < 50_000 else fresh(empty)


def fresh(project: Any) -> None:
    """Empty a project fast."""
    from django.db import connection

    from annotator.annotations.models import Annotation

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM annotations_annotationrevision")
    Annotation.objects.filter(image__project=project)._raw_delete("default")


def unpacked(tars: list[Path], folder: Path) -> Path:
    """Unpack shards into one folder."""
    import tarfile

    shutil.rmtree(folder, ignore_errors=True)
    for path in tars:
        with tarfile.open(path) as tar:
            tar.extractall(folder, filter="data")
    return folder


def manage(*arguments: str, kill: bool) -> dict[str, Any]:
    """Run manage.py to its end, killed once in between if asked to; return seconds, peak memory and its report."""
    seconds, cpu_seconds, killed = 0.0, 0.0, not kill
    while True:
        started = time.perf_counter()
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                [sys.executable, "manage.py", *arguments], cwd=ROOT, stdout=output, stderr=subprocess.DEVNULL
            )
            if not killed:
                time.sleep(KILLED_AFTER_SECONDS)
                os.kill(process.pid, signal.SIGKILL)  # not reaped yet, so the id is still its own
            _, status, usage = os.wait4(process.pid, 0)
            seconds += time.perf_counter() - started
            cpu_seconds += usage.ru_utime + usage.ru_stime
            output.seek(0)
            text = output.read().decode()
        if not killed:
            killed = True
        elif status:
            process.returncode = status
            raise SystemExit(text[-2000:])
        else:
            peak_mb = usage.ru_maxrss / 1024
            return {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mb": peak_mb, "report": json.loads(text)}


def export_by_job(web: WebProcess, name: str, project: Any) -> dict[str, Any]:
    """Export as the page does: asked for over HTTP, done by the worker; return its certificate's masks and seconds."""
    address, token = f"/api/v1/projects/{project.pk}/exports", prepare_saves()[1]
    command = [sys.executable, "manage.py", "run_worker"]
    worker = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        started = time.perf_counter()
        job = call(web, "POST", address, token, {"format": name})
        while job["status"] in ("pending", "running"):
            time.sleep(0.5)
            job = call(web, "GET", f"/api/v1/jobs/{job['id']}", token, None)
        if job["status"] != "done":
            raise SystemExit(f"The export is {job['status']}: {job['error']}")
        return {**job["report"]["certificate"]["masks"], "seconds": time.perf_counter() - started}
    finally:
        worker.terminate()
        worker.wait()


def report_saves(what: str, waits: list[float]) -> None:
    """Print how long saves took."""
    report(
        f"saves {what}",
        count=len(waits),
        p50_ms=percentile(waits, 50),
        p95_ms=percentile(waits, 95),
        worst_ms=max(waits),
    )


def rate(masks: int, run: dict[str, Any]) -> dict[str, Any]:
    """Return masks, seconds, masks a second and peak memory; CPU seconds tell a busy machine from slow code."""
    return {
        "masks": masks,
        "seconds": run["seconds"],
        "cpu_seconds": run["cpu_seconds"],
        "masks_per_second": masks / run["seconds"],
        "masks_per_cpu_second": masks / run["cpu_seconds"],
        "peak_mb": run["peak_mb"],
    }


def percentile(values: list[float], percent: int) -> float:
    """Return the value that this percentage does not exceed."""
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def report(what: str, **figures: Any) -> None:
    """Print one figure."""
    rounded = {name: round(value, 1) if isinstance(value, float) else value for name, value in figures.items()}
    print(json.dumps({"what": what, **rounded}), flush=True)


if __name__ == "__main__":
    main()
