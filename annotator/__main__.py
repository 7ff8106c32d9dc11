"""`python -m annotator`, and the command `maskwright` that `pip install` makes: start the product, or manage it."""

import os
import sys

USAGE = "Usage: maskwright run | maskwright manage COMMAND [ARGUMENTS]"


def main() -> int:
    """Run the product until Ctrl-C, or one of Django's management commands."""
    if sys.argv[1:] == ["run"]:
        from annotator.launcher.commands import main as launch

        return launch(["run"])
    if sys.argv[1:2] == ["manage"]:
        manage([f"{sys.argv[0]} manage", *sys.argv[2:]])
        return 0
    sys.stderr.write(f"{USAGE}\n")
    return 2


def manage(arguments: list[str]) -> None:
    """Run the management command that the arguments name; the first of them is what the program is called."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotator.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(arguments)


if __name__ == "__main__":
    sys.exit(main())
