"""Rings around pixels: the closed paths along pixel corners that bound a mask.

A ring runs with the foreground on its right (clockwise around a part, counter-clockwise around a hole, y down) and
visits every pixel corner on its way. Where two pixels touch at a corner only, it stays with the pixel it follows: parts
are 4-connected, holes 8-connected, and no two rings share more than a corner. Must not know: RLE, JSON, photos.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

Ring = npt.NDArray[np.int32]  # N x 2, (x, y) of pixel corners, one unit apart, not closed
Joined = tuple[Ring, list[int]]
_EAST, _SOUTH, _WEST, _NORTH = range(4)


def trace_rings(mask: npt.NDArray[np.bool_]) -> list[Ring]:
    """Return every ring of a mask, H x W, in the order of its first corner from the top left."""
    edges, corners_across = _directed_edges(mask)
    following = _successors(edges, corners_across).tolist()
    starts = (edges // 4).tolist()
    is_visited = bytearray(len(starts))
    rings = []
    for first in range(len(starts)):
        path = []
        edge = first
        while not is_visited[edge]:
            is_visited[edge] = 1
            path.append(starts[edge])
            edge = following[edge]
        if path:
            y, x = np.divmod(np.asarray(path), corners_across)
            rings.append(np.stack([x, y], axis=1).astype(np.int32))
    return rings


def is_hole(ring: Ring) -> bool:
    """Tell whether the ring runs around background."""
    x, y = ring.astype(np.int64).T
    return int((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) < 0


def join_holes(rings: list[Ring]) -> list[Joined]:
    """Join each hole to the ring on its left by a horizontal cut, walked once in each direction.

    Returns the joined rings and, for each, the indices of the corners where a cut starts or ends. The leftmost hole
    goes first, so that whatever lies on its left is part of an outer ring already.
    """
    paths = _LinkedPaths(rings)
    holes = [index for index, ring in enumerate(rings) if is_hole(ring)]
    entries = {index: _leftmost(rings[index]) for index in holes}
    for index in sorted(holes, key=lambda hole: tuple(rings[hole][entries[hole]])):
        paths.cut_to(index, entries[index])
    is_joined = set(holes)
    return [paths.walk(index) for index in range(len(rings)) if index not in is_joined]


class _LinkedPaths:
    """Holds all rings as linked corners, so that a cut is spliced in without moving the rest."""

    def __init__(self, rings: list[Ring]) -> None:
        lengths = [len(ring) for ring in rings]
        self._first = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64).tolist()
        corners = np.concatenate(rings) if rings else np.zeros((0, 2), np.int32)
        self._corners: list[tuple[int, int]] = list(map(tuple, corners.tolist()))
        self._next = list(range(1, len(self._corners) + 1))
        for first, stop in pairwise(self._first):
            self._next[stop - 1] = first
        self._anchors: set[int] = set()
        self._across = int(corners[:, 0].max(initial=0)) + 1
        codes = corners[:, 1].astype(np.int64) * self._across + corners[:, 0]
        self._order = np.argsort(codes, kind="stable")
        self._codes = codes[self._order]

    def cut_to(self, ring: int, entry: int) -> None:
        """Splice the ring, from its corner number entry, into the path that its row meets first on the left."""
        first, stop = self._first[ring], self._first[ring + 1]
        start = first + entry
        last = start - 1 if entry else stop - 1
        x, y = self._corners[start]
        at = int(self._order[np.searchsorted(self._codes, y * self._across + x) - 1])
        steps = [(step, y) for step in range(self._corners[at][0] + 1, x)]
        onwards = self._next[at]
        back = self._append([(x, y), *steps[::-1], self._corners[at]])
        self._next[last], self._next[-1] = back, onwards
        if steps:
            self._next[at] = self._append(steps)
            self._next[-1] = start
        else:
            self._next[at] = start
        self._anchors |= {at, start, back, back + len(steps) + 1}

    def walk(self, ring: int) -> Joined:
        """Return the joined ring that starts with the first corner of an outer one, and where its anchors are."""
        nodes = [self._first[ring]]
        while (node := self._next[nodes[-1]]) != nodes[0]:
            nodes.append(node)
        anchors = [index for index, node in enumerate(nodes) if node in self._anchors]
        return np.asarray([self._corners[node] for node in nodes], np.int32), anchors

    def _append(self, corners: list[tuple[int, int]]) -> int:
        """Add linked corners and return the index of the first; the last one's successor is to be set."""
        first = len(self._corners)
        self._corners += corners
        self._next += range(first + 1, first + len(corners) + 1)
        return first


def _leftmost(ring: Ring) -> int:
    return int(np.lexsort((ring[:, 1], ring[:, 0]))[0])


def _directed_edges(mask: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int64], int]:
    """Return every boundary step as start corner * 4 + direction, sorted, and the number of corners in a row."""
    across = mask.shape[1] + 1
    padded = np.pad(mask, 1)
    above, below, left, right = padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]
    sides = ((above, _EAST, 0, 0), (right, _SOUTH, 0, 1), (below, _WEST, 1, 1), (left, _NORTH, 1, 0))
    edges = []
    for neighbour, direction, down, over in sides:
        y, x = np.nonzero(mask & ~neighbour)
        edges.append(((y + down) * across + x + over) * 4 + direction)
    return np.sort(np.concatenate(edges)), across


def _successors(edges: npt.NDArray[np.int64], across: int) -> npt.NDArray[np.int64]:
    """Return, for each edge, the index of the edge that follows it: the one that turns right, if there are two."""
    direction = edges % 4
    end = edges // 4 + np.array([1, across, -1, -across])[direction]
    found = np.full(edges.size, -1)
    for turn in (3, 0, 1):  # left, straight on, right: the last that exists wins
        wanted = end * 4 + (direction + turn) % 4
        place = np.minimum(np.searchsorted(edges, wanted), edges.size - 1)
        found = np.where(edges[place] == wanted, place, found)
    return found
