"""`run` and `setup`, step by step."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from annotator.launcher.house import House
from annotator.launcher.installation import MANAGE, PYTHON, install_all
from annotator.launcher.options import ROOT, Options, read_options
from annotator.launcher.private import PRIVATE_UMASK, open_private
from annotator.launcher.problems import LaunchError, explain_failure
from annotator.launcher.processes import Supervisor, make_children

TOLD_AT_ONCE = "Exporting model "
USAGE = "Usage: python3 -m annotator.launcher run|setup"


def main(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; whatever stands in the way is one sentence on stderr."""
    commands = {"run": run, "setup": install_all}
    if len(arguments) != 1 or arguments[0] not in commands:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        commands[arguments[0]](read_options())
    except LaunchError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; the next start goes on from here.", file=sys.stderr)
        return 130
    return 0


def run(options: Options) -> None:
    """Install what is missing, prepare the data, start the processes and stay until asked to stop."""
    house = House(options)
    try:
        house.check_port(options)
        install_all(options)
        sign_ins = prepare_data(options)
        supervise(options, sign_ins)
    finally:
        house.leave()
    print("Stopped.", flush=True)


def supervise(options: Options, sign_ins: Sequence[dict[str, str]]) -> None:
    """Keep the processes running until asked to stop."""
    supervisor = Supervisor(make_children(options), options)
    supervisor.listen()
    try:
        supervisor.start()
        if not supervisor.is_stopping:
            announce(options, sign_ins)
        supervisor.watch()
    finally:
        supervisor.stop()


def prepare_data(options: Options) -> list[dict[str, str]]:
    """Migrate, sync the model, load the demo project; return how to sign in, as rows of username and password."""
    print("Preparing database, model and demo project ...", flush=True)
    command = [str(PYTHON), *MANAGE, "prepare_start"]
    log_file = options.log_dir / "prepare.log"
    status, out, errors = run_and_tell(command, options, log_file)
    if status != 0:
        raise LaunchError(explain_failure(errors, step="Preparing the data", log_file=str(log_file)))
    told = json.loads(out.strip().splitlines()[-1])
    for note in told["notes"]:
        print(note, flush=True)
    rows: list[dict[str, str]] = told["sign_ins"]
    return rows


def run_and_tell(command: list[str], options: Options, log_file: Path) -> tuple[int, str, str]:
    """Run a command with its stderr in a log; print the lines about models at once, because they take minutes."""
    pipes: dict[str, Any] = {"stderr": subprocess.PIPE, "text": True, "umask": PRIVATE_UMASK}
    with (
        open_private(log_file, "w") as log,
        tempfile.TemporaryFile("w+") as out,
        subprocess.Popen(command, cwd=ROOT, env=options.environment(), stdout=out, **pipes) as process,
    ):
        lines = []
        for line in process.stderr or []:
            lines.append(line)
            log.write(line)
            log.flush()
            if line.startswith(TOLD_AT_ONCE):
                print(line.rstrip(), flush=True)
        status = process.wait()
        out.seek(0)
        return status, out.read(), "".join(lines)


def announce(options: Options, sign_ins: Sequence[dict[str, str]]) -> None:
    """Print the address, how to sign in, and the line that scripts wait for."""
    print(f"\n  Maskwright is open at {options.address}/\n")
    for row in sign_ins:
        print(f"  sign in as {row['username']:<10} {row['hint']}")
    print(f"\n  Data: {options.data_dir}   Logs: {options.log_dir}   Stop: Ctrl-C\n")
    print(f"ready {options.address}", flush=True)
