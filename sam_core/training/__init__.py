"""Training of SAM models from SA-1B-layout folders. Nothing outside this package imports it but the command line."""

from __future__ import annotations


def main(argv: list[str]) -> int:
    """Run `python -m sam_core train` with argv; return the exit status."""
    from sam_core.training.loop import main as run

    return run(argv)
