"""What a format's own reader found in a finished file, as the certificate compares it. Must not know: formats."""

from annotator.exchange.base.reading import FileMask, Problem
from annotator.exchange.base.writing import ReadMask
from annotator.mask_gateway import counts_from_polygons
from annotator.sam_gateway import MaskRefusedError


def as_read(found: FileMask | Problem, size: tuple[int, int]) -> ReadMask:
    """Return the mask on a photo of (height, width), polygons filled, or what is wrong with it."""
    if isinstance(found, Problem):
        return ReadMask(None, size, problem=found.reason)
    if found.polygons is None:
        return ReadMask(found.counts, size)
    try:
        return ReadMask(counts_from_polygons(found.polygons, size), size)
    except MaskRefusedError as error:
        return ReadMask(None, size, problem=str(error))
