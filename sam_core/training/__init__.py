"""Training of SAM models from SA-1B-layout folders. Nothing outside this package imports it but the command line."""

from __future__ import annotations


def main(command: str, argv: list[str]) -> int:
    """Run `python -m sam_core train` or `improve` with argv; return the exit status."""
    if command == "improve":
        from sam_core.training.improve_command import main as improve

        return improve(argv)
    from sam_core.training.loop import main as train

    return train(argv)
