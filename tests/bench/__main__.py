"""`make bench`: run the benchmarks one after another, or one of them by name.

    python -m tests.bench                 all of them, at sizes that take some minutes in total
    python -m tests.bench decoder ARGS    one of them, at its own full size

Each prints its own JSON. Knows nothing of what they measure.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Arguments for a run of all: small enough to wait for. FOLDER stands for a new temporary folder.
QUICK: dict[str, list[str]] = {
    "decoder": [],
    "encoder": ["--repeat", "1"],
    "training": [],
    "automatic": ["--model", "sam_lite", "--points-per-side", "8"],
    "exchange": ["--masks", "2000", "--images", "100", "--folder", "FOLDER"],
    "engine": ["--images", "1000", "--masks-per-image", "10", "--folder", "FOLDER"],
    "prefill": [],
    "upload": ["--photos", "10"],
    "open": [],
    "fuzz": ["--seconds", "5"],
    "api": ["--seconds", "30"],
    "faults": ["--only", "web_killed,lock", "--hold", "8"],
    "team": ["--people", "10", "--seconds", "10"],
}
NEEDS_FOLDER = ("exchange", "engine")


def names() -> list[str]:
    """Return the benchmarks that there are."""
    return sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))


def run(name: str, arguments: list[str]) -> int:
    """Run one benchmark in a process of its own and return its exit code."""
    print(f"== {name}", flush=True)
    with tempfile.TemporaryDirectory(prefix="maskwright-bench-") as folder:
        filled = [folder if part == "FOLDER" else part for part in arguments]
        if name in NEEDS_FOLDER and "--folder" not in filled:
            filled += ["--folder", folder]
        return subprocess.run(
            [sys.executable, "-m", f"tests.bench.bench_{name}", *filled], cwd=ROOT, check=False
        ).returncode


def main(arguments: list[str]) -> int:
    """Run what was asked for; the exit code is the worst of all."""
    if not arguments:
        return max(run(name, quick) for name, quick in QUICK.items())
    name, *rest = arguments
    if name not in names():
        print(f"There is no benchmark {name}; there are: {', '.join(names())}.", file=sys.stderr)
        return 2
    return run(name, rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
