"""Management commands that run long beside a server."""

import os

from django.core.management.base import BaseCommand

NICENESS = 10


class YieldingCommand(BaseCommand):
    """A command that lets whoever annotates meanwhile go first."""

    def run_from_argv(self, argv: list[str]) -> None:
        """Run as a process of its own and let the web process go first; a caller inside Python keeps its priority."""
        os.nice(NICENESS)
        super().run_from_argv(argv)
