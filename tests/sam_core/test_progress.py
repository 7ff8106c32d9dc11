"""Progress in a terminal and in a log."""

import io

from sam_core.progress import ProgressBar


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal_redraws_one_line() -> None:
    stream = Terminal()
    bar = ProgressBar("fetch", stream=stream)
    for done in (0, 1, 50, 50, 100):
        bar(done, 100)
    drawn = stream.getvalue().split("\r")[1:]
    assert len(drawn) == 3  # 0 and 1 per cent look the same, and so do 50 and 50
    assert drawn[1] == f"fetch [{'#' * 15}{'-' * 15}]  50 %"
    assert drawn[2].endswith("100 %\n")


def test_progress_of_nothing_is_complete() -> None:
    stream = io.StringIO()
    ProgressBar("amg", stream=stream)(0, 0)
    assert stream.getvalue() == "amg: 100 %\n"
