"""Which split a photo belongs to: its own, or one by its content, so that it never moves between exports."""

from django.db.models import Q


def split_of(sha256: str, own: str, *, val_ratio: float, test_ratio: float) -> str:
    """Return train, val or test, or the split that somebody gave the photo.

    >>> split_of("00ff", "", val_ratio=0.1, test_ratio=0.1)
    'test'
    """
    if own:
        return own
    test_below, val_below = _bounds(val_ratio, test_ratio)
    if sha256 < test_below:
        return "test"
    return "val" if sha256 < val_below else "train"


def split_query(splits: list[str], *, val_ratio: float, test_ratio: float) -> Q:
    """Return the same rule as a filter on images, so that the database does it."""
    test_below, val_below = _bounds(val_ratio, test_ratio)
    by_hash = {
        "test": Q(sha256__lt=test_below),
        "val": Q(sha256__gte=test_below, sha256__lt=val_below),
        "train": Q(sha256__gte=max(val_below, test_below)),
    }
    query = Q(split__in=splits)
    for split in splits:
        query |= Q(split="") & by_hash[split]
    return query


def _bounds(val_ratio: float, test_ratio: float) -> tuple[str, str]:
    return _threshold(test_ratio), _threshold(test_ratio + val_ratio)


def _threshold(ratio: float) -> str:
    """Return the hex text below which this part of all hashes lies; "g" is above every one."""
    value = round(ratio * 16**8)
    return f"{value:08x}" if value < 16**8 else "g"
