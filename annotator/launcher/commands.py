"""`run` and `setup`, step by step."""

import json
import subprocess
import sys
from collections.abc import Sequence

from annotator.launcher.installation import PYTHON, install_all
from annotator.launcher.machine import check_port
from annotator.launcher.options import ROOT, Options, read_options
from annotator.launcher.problems import LaunchError, explain_failure
from annotator.launcher.processes import Supervisor, make_children

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
    check_port(options.host, options.port)
    install_all(options)
    sign_ins = prepare_data(options)
    supervisor = Supervisor(make_children(options), options)
    supervisor.listen()
    try:
        supervisor.start()
        if not supervisor.is_stopping:
            announce(options, sign_ins)
        supervisor.watch()
    finally:
        supervisor.stop()
    print("Stopped.", flush=True)


def prepare_data(options: Options) -> list[dict[str, str]]:
    """Migrate, sync the model, load the demo project; return how to sign in, as rows of username and password."""
    print("Preparing database, model and demo project ...", flush=True)
    command = [str(PYTHON), "manage.py", "prepare_start"]
    done = subprocess.run(command, check=False, cwd=ROOT, env=options.environment(), text=True, capture_output=True)
    log_file = options.log_dir / "prepare.log"
    log_file.write_text(done.stderr, encoding="utf-8")
    if done.returncode != 0:
        raise LaunchError(explain_failure(done.stderr, step="Preparing the data", log_file=str(log_file)))
    rows: list[dict[str, str]] = json.loads(done.stdout.strip().splitlines()[-1])["sign_ins"]
    return rows


def announce(options: Options, sign_ins: Sequence[dict[str, str]]) -> None:
    """Print the address, how to sign in, and the line that scripts wait for."""
    print(f"\n  Maskwright is open at {options.address}/\n")
    for row in sign_ins:
        print(f"  sign in as {row['username']:<10} {row['hint']}")
    print(f"\n  Data: {options.data_dir}   Logs: {options.log_dir}   Stop: Ctrl-C\n")
    print(f"ready {options.address}", flush=True)
