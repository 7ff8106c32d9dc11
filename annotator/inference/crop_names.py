"""How embeddings of parts of an image are named: x0_y0_x1_y1, with a suffix where it is flipped."""

Crop = tuple[int, int, int, int]
FULL = "full"  # the whole image as it lies: what there is of every image
FLIPPED = "_flipped"


def crop_name(crop: Crop | None, *, is_flipped: bool = False) -> str:
    """Return the name of a crop (x0, y0, x1, y1 in pixels); None is the whole image as it lies."""
    if crop is None:
        return FULL
    return "_".join(str(value) for value in crop) + (FLIPPED if is_flipped else "")


def parse_crop_name(name: str) -> tuple[Crop | None, bool]:
    """Return the crop of a name, None for the whole image, and whether it is flipped."""
    if name == FULL:
        return None, False
    x0, y0, x1, y1 = (int(value) for value in name.removesuffix(FLIPPED).split("_"))
    return (x0, y0, x1, y1), name.endswith(FLIPPED)
