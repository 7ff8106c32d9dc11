"""The colours of Pascal VOC: number to colour, as its development kit makes them. Must not know: files."""

VOID = 255  # the border around objects in the published set, which belongs to nothing
MOST_NUMBERS = 254


def color_of(number: int) -> tuple[int, int, int]:
    """Return red, green and blue of a number from 0 to 255.

    >>> color_of(1), color_of(15), color_of(255)
    ((128, 0, 0), (192, 128, 128), (224, 224, 192))
    """
    red = green = blue = 0
    for place in range(8):
        red |= (number >> 0 & 1) << (7 - place)
        green |= (number >> 1 & 1) << (7 - place)
        blue |= (number >> 2 & 1) << (7 - place)
        number >>= 3
    return red, green, blue


PALETTE = [channel for number in range(256) for channel in color_of(number)]
