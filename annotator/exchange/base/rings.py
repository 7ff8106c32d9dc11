"""Rings of points (x, y): several polygons as one, and shapes that other tools know as polygons.

Must not know: formats, masks.
"""

import math

Ring = list[tuple[float, float]]
_MOST_CORNERS = 720


def join_parts(polygons: list[list[float]]) -> Ring:
    """Return one ring through all polygons; the ways between them go along pixel edges, there and back."""
    rings = [list(zip(polygon[0::2], polygon[1::2], strict=True)) for polygon in polygons]
    whole = rings[0]
    start = whole[0]
    for ring in rings[1:]:
        corner = (ring[0][0], start[1])
        whole = [*whole, start, corner, *ring, ring[0], corner]
    return whole if len(rings) == 1 else [*whole, start]


def ellipse(x: float, y: float, radius_x: float, radius_y: float) -> list[float]:
    """Return an ellipse around (x, y) as a flat polygon with a corner for each pixel of its way, or nearly."""
    count = int(min(max(12, math.pi * (abs(radius_x) + abs(radius_y))), _MOST_CORNERS))
    angles = [2 * math.pi * place / count for place in range(count)]
    return [value for angle in angles for value in (x + radius_x * math.cos(angle), y + radius_y * math.sin(angle))]
