"""Install a model from the terminal: the one way beside the page Models > Install."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotator.errors import AppError
from annotator.inference.installing import DOWNLOAD, InstallOrder, check_order, install_model


class Command(BaseCommand):
    """install_model NAME [--file PATH | --mirror URL [--sha256 DIGEST]]."""

    help = "Get a model's weights, export and check them, and keep everything in the server's storage."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("name", metavar="NAME", help="a model of `python -m sam_core models list`")
        source = parser.add_mutually_exclusive_group()
        source.add_argument("--file", default="", metavar="PATH", help="a weight file that was brought here by hand")
        source.add_argument("--mirror", default="", metavar="URL", help="where the official file lies instead")
        parser.add_argument("--sha256", default="", help="of the mirror's file, where it is not the official one")

    def handle(self, *args: Any, **options: Any) -> None:
        """Say what it will take, do it, and say what became of it."""
        order = InstallOrder(**{name: options[name] for name in ("name", "file", "mirror", "sha256")})
        try:
            self._announce(order)
            row, is_new = install_model(order, tell=self._tell())
        except AppError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{row.version}: {'installed' if is_new else 'is installed already'}")

    def _announce(self, order: InstallOrder) -> None:
        model = check_order(order)
        where = order.file or order.mirror or model.url or "comes with the product"
        size = f"{model.byte_size / 1e6:,.1f} MB, " if model.byte_size else ""
        self.stdout.write(f"{model.name}: {size}from {where}")
        self.stdout.write(f"licence of the weights as published: {model.weights_licence}")
        self.stdout.write(f"trained on: {model.data_licence}")

    def _tell(self) -> Any:
        said: set[str] = set()

        def tell(phase: str, done: int, total: int) -> None:
            tenth = f" {done * 10 // max(total, 1) * 10} %" if phase == DOWNLOAD else ""
            if phase + tenth not in said:
                said.add(phase + tenth)
                self.stdout.write(f"{WORDS[phase]}{tenth}")
                self.stdout.flush()

        return tell


WORDS = {
    DOWNLOAD: "downloading",
    "weights": "copying the weights",
    "browser": "exporting for browsers",
    "decoder": "exporting the decoder",
    "encoder": "exporting the encoder",
    "check": "checking the result",
}
