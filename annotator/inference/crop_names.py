"""How embeddings of parts of an image are named: x0_y0_x1_y1, with a suffix where the part is seen in a mirror."""

Crop = tuple[int, int, int, int]
FULL = "full"  # the whole image, seen plainly: what there is of every image
MIRRORED = "_mirrored"


def crop_name(crop: Crop | None, *, is_mirrored: bool = False) -> str:
    """Return the name of a crop (x0, y0, x1, y1 in pixels); None is the whole image, seen plainly."""
    if crop is None:
        return FULL
    return "_".join(str(value) for value in crop) + (MIRRORED if is_mirrored else "")


def parse_crop_name(name: str) -> tuple[Crop | None, bool]:
    """Return the crop of a name, None for the whole image, and whether it is seen in a mirror."""
    if name == FULL:
        return None, False
    x0, y0, x1, y1 = (int(value) for value in name.removesuffix(MIRRORED).split("_"))
    return (x0, y0, x1, y1), name.endswith(MIRRORED)
