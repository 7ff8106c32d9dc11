"""Throw damaged files at the parsers of imports for so many seconds, and count what falls over.

    python tests/bench/bench_fuzz.py --seconds 600 --parser coco
    python tests/bench/bench_fuzz.py --parser coco --only 1234        one input again, with its traceback

The input of a number is always the same (--seed). Parsers work in a process of its own with bounded memory, so a crash
in C code, an endless loop and a wish for gigabytes are findings, too. Prints one line of JSON a parser; the exit code
is 1 when something fell over. Atheris has no wheel for the Python used here, so coverage guides nothing: JSON is
damaged as a tree and PNG inside its checksums, to get past the first brackets all the same.
"""

import argparse
import json
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LONGEST_SECONDS = 20
MEMORY_BYTES = 3 << 30
KEPT_FINDINGS = 20
PARSERS = ("coco", "sa1b", "yolo", "semantic_png", "instance_png", "rle", "polygons")


def main() -> int:
    """Fuzz what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--parser", choices=PARSERS, action="append", help="may be given again; all without")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="the number of one input")
    wanted = parser.parse_args()
    prepare()
    findings = 0
    for name in wanted.parser or PARSERS:
        if wanted.only is not None:
            again(name, wanted.seed, wanted.only)
            continue
        figures = fuzz(name, seconds=wanted.seconds, seed=wanted.seed)
        print(json.dumps({"what": f"fuzz {name}", **figures}), flush=True)
        findings += len(figures["findings"])
    return 1 if findings else 0


def prepare() -> None:
    """Let the readers find their settings; no database is opened."""
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotator.settings")
    os.environ.setdefault("DATA_DIR", tempfile.gettempdir())
    import django

    django.setup()


def fuzz(name: str, *, seconds: float, seed: int) -> dict[str, Any]:
    """Run until the time is over; a process that dies is a finding, and the next one goes on after it."""
    context = multiprocessing.get_context("fork")
    number, counts = context.Value("q", 0), context.Array("q", 3)
    slowest_ms = context.Value("d", 0.0)
    told: Any = context.Queue()
    findings: list[dict[str, Any]] = []
    started = time.monotonic()
    while (left := seconds - (time.monotonic() - started)) > 0:
        worker = context.Process(target=work, args=(name, seed, left, number, counts, slowest_ms, told))
        worker.start()
        while worker.is_alive() or not told.empty():
            worker.join(0.2)
            while not told.empty():
                findings.append(told.get())
        if worker.exitcode:
            findings.append({"number": number.value, "error": f"the process ended with {worker.exitcode}"})
        number.value += 1
        if len(findings) >= KEPT_FINDINGS:
            break
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {
        "seconds": round(time.monotonic() - started, 1), "seed": seed, "inputs": counts[0], "read": counts[1],
        "refused": counts[2], "slowest_ms": round(slowest_ms.value, 1), "peak_mb": round(peak_mb),
        "findings": findings,
    }  # fmt: skip


def work(
    name: str, seed: int, seconds: float, number: "Synchronized[int]", counts: Any, slowest_ms: Any, told: Any
) -> None:
    """Take one input after the other, until the time is over or one does not end."""
    from tests.bench.fuzz.targets import TARGETS

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    warnings.simplefilter("ignore")
    until = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        while time.monotonic() < until:
            signal.alarm(LONGEST_SECONDS)  # kills the process, which is the finding
            begun = time.perf_counter()
            try:
                counts[1 if TARGETS[name](random_of(name, seed, number.value), Path(folder)) else 2] += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
                where = traceback.extract_tb(error.__traceback__)[-1]
                place = f"{Path(where.filename).name}:{where.lineno}"
                told.put({"number": number.value, "error": f"{type(error).__name__}: {error}"[:300], "at": place})
            slowest_ms.value = max(slowest_ms.value, (time.perf_counter() - begun) * 1000)
            counts[0] += 1
            number.value += 1
    signal.alarm(0)


def random_of(name: str, seed: int, number: int) -> Random:
    """Return what the input of this number is drawn from."""
    return Random(f"{name} {seed} {number}")


def again(name: str, seed: int, number: int) -> None:
    """Take one input in this process, with whatever it raises."""
    from tests.bench.fuzz.targets import TARGETS

    with tempfile.TemporaryDirectory() as folder:
        print("read" if TARGETS[name](random_of(name, seed, number), Path(folder)) else "refused")


if __name__ == "__main__":
    sys.exit(main())
