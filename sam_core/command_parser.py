"""Command lines that answer a mistake with one line: no usage text, no traceback.

Must not know: the commands.
"""

import argparse
import re
from typing import NoReturn

from sam_core.errors import InvalidRequestError

MOST_DIGITS = 9
_NUMBERS = re.compile(r"-[\d.][\d.,eE+-]*")


class CommandParser(argparse.ArgumentParser):
    """An argument parser that raises InvalidRequestError for what it cannot read."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and leaving."""
        raise InvalidRequestError(f"{message} (see {self.prog} --help)")


def at_least_one(text: str) -> int:
    """Read a number of things; argparse tells people of what is none."""
    if not text.isascii() or not text.isdecimal() or len(text) > MOST_DIGITS or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def join_negative_numbers(arguments: list[str]) -> list[str]:
    """Return arguments in which "--point -5,3,1" is "--point=-5,3,1", as argparse takes -5,3,1 for an option."""
    joined: list[str] = []
    for argument in arguments:
        is_value = joined and joined[-1].startswith("--") and "=" not in joined[-1]
        if is_value and _NUMBERS.fullmatch(argument):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined
