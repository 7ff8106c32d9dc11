"""Run `python -m sam_core`."""

import sys

from sam_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
