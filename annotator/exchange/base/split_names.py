"""Which split a path speaks of: folders called train, valid or test, or a file's name such as instances_val2017.

Must not know: formats, rows.
"""

import re

from annotator.photos.naming import photo_path, stem_of

_WORDS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
_PIECES = re.compile(r"[^\W\d_]+")


def split_in(path: str) -> str:
    """Return train, val or test; "" where the path says nothing, or two different things.

    >>> split_in("valid/_annotations.coco.json"), split_in("annotations/instances_train2017.json"), split_in("a.json")
    ('val', 'train', '')
    """
    *folders, name = photo_path(path).split("/")
    for part in [*reversed(folders), stem_of(name)]:
        found = {_WORDS[word] for word in _PIECES.findall(part.lower()) if word in _WORDS}
        if len(found) == 1:
            return found.pop()
    return ""
