"""Cut the masks of a file into batches that are small in number and in memory. Must not know: what becomes of them."""

from collections.abc import Iterator

from annotator.exchange.base.reading import FileMask, Problem

CHARS_PER_BATCH = 8 * 2**20
NumberedRow = tuple[int, FileMask | Problem]


def next_batch(masks: Iterator[NumberedRow], *, at_most: int) -> list[NumberedRow]:
    """Return up to `at_most` masks, fewer when they are large; none at the end."""
    batch: list[NumberedRow] = []
    chars = 0
    for numbered in masks:
        batch.append(numbered)
        chars += _weight(numbered[1])
        if len(batch) >= at_most or chars > CHARS_PER_BATCH:
            break
    return batch


def _weight(row: FileMask | Problem) -> int:
    if isinstance(row, Problem):
        return 100
    parts = [row.counts, *(row.polygons or [])] if isinstance(row.polygons, list) else [row.counts]
    return sum(len(part) * (1 if isinstance(part, str) else 8) for part in parts if isinstance(part, str | list)) + 100
