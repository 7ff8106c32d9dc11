"""`python -m sam_core improve`: arguments in, result.json out, an exit status for each way to end.

0 done, 2 refused (arguments, data, weights), 3 stopped by SIGTERM, 4 out of memory, 5 disk full, 6 no finite loss.
After 3 to 6, and after a kill, --resume goes on. Must not know: how anything is learned.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from sam_core.command_parser import CommandParser, at_least_one
from sam_core.training.errors import DiskFullError, NotANumberError, OutOfMemoryError, StoppedError
from sam_core.training.improve import Improvement, improve
from sam_core.training.recipes import RECIPES

STATUSES: dict[type[Exception], int] = {
    StoppedError: 3,
    OutOfMemoryError: 4,
    DiskFullError: 5,
    NotANumberError: 6,
}


class StopOnSigterm:
    """Remembers that SIGTERM came, and answers so when called."""

    def __init__(self) -> None:
        self.is_asked = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.is_asked = True

    def __call__(self) -> bool:
        """Tell whether to stop."""
        return self.is_asked


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = CommandParser(
        prog="python -m sam_core improve", description="Improve a model on people's masks, and compare it with the old."
    )
    parser.add_argument("--model", default="sam_lite", help="a variant's name")
    parser.add_argument("--checkpoint", type=Path, help="a weight file of it instead of the shipped or fetched one")
    parser.add_argument("--data", type=Path, required=True, help="folder in SA-1B layout, NAME.json beside its photo")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run; made if missing")
    parser.add_argument("--minutes", type=_minutes, required=True, help="about how long it may take in all")
    parser.add_argument("--recipe", choices=RECIPES, help="by default chosen by data, model and device")
    parser.add_argument("--device", help="cpu, cuda or mps; by default the fastest that is there")
    parser.add_argument("--threads", type=at_least_one, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--resume", action="store_true", help="go on with the run in the folder, or begin it")
    parser.add_argument("--json", action="store_true", help="print result.json's content")
    return parser


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes above 0")
    return minutes


def main(argv: list[str]) -> int:
    """Run the command with argv; return its exit status. What is refused is raised for the command line to say."""
    args = build_parser().parse_args(argv)
    try:
        done = improve(
            args.model,
            args.data,
            run=args.run,
            minutes=args.minutes,
            recipe=args.recipe,
            checkpoint=args.checkpoint,
            device=args.device,
            threads=args.threads,
            is_resumed=args.resume,
            on_progress=None if args.json else _show,
            should_stop=StopOnSigterm(),
        )
    except tuple(STATUSES) as error:
        sys.stderr.write(f"{error}\n")
        return STATUSES[type(error)]
    sys.stdout.write((json.dumps(done.result) if args.json else _in_words(done)) + "\n")
    return 0


def _show(row: dict[str, Any]) -> None:
    held_out = "".join(f"  {name} {value:.3f}" for name, value in (row.get("held_out") or {}).items())
    loss = f"  loss {row['loss']:.3f}" if "loss" in row else ""
    sys.stderr.write(f"{row['phase']} {row['done']}/{row['total']}  {row['seconds']:.0f} s{loss}{held_out}\n")


def _in_words(done: Improvement) -> str:
    return f"{done.verdict}: {done.result['reason']}\n{done.weights}"
