"""Positions that occur, numbered without the gaps between them, so that what they hold fits in plain arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import Int64s


def ranges(starts: Int64s, lengths: Int64s) -> Int64s:
    """``[starts[0], starts[0] + lengths[0])``, then the next range, and so on, as one array."""
    total = int(lengths.sum())
    if len(starts) and np.array_equal(starts[1:], (starts + lengths)[:-1]):
        return np.arange(starts[0], starts[0] + total, dtype=np.int64)
    first = np.cumsum(lengths) - lengths
    return np.repeat(starts - first, lengths) + np.arange(total, dtype=np.int64)


def distinct(values: Int64s) -> Int64s:
    """Each value once, ascending. (numpy's own ``unique`` counts on a table, which takes four times as long.)"""
    ordered = np.sort(values)
    new = np.ones(len(ordered), dtype=np.bool_)
    new[1:] = ordered[1:] != ordered[:-1]
    found: Int64s = ordered[new]
    return found


def union(starts: Int64s, ends: Int64s) -> tuple[Int64s, Int64s]:
    """Starts and ends of the maximal intervals that the half-open intervals cover, ascending."""
    if not len(starts):
        return starts, ends
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], np.maximum.accumulate(ends[order])
    first = np.concatenate(([True], starts[1:] > ends[:-1]))
    last = np.concatenate((first[1:], [True]))
    return starts[first], ends[last]


class Axis:
    """A union of intervals of positions; position ``p`` of them has an index in ``range(size)``."""

    def __init__(self, starts: Int64s, ends: Int64s) -> None:
        self.starts, self.ends = union(starts, ends)
        lengths = self.ends - self.starts
        self.size = int(lengths.sum())
        self._first = np.cumsum(lengths) - lengths

    def index(self, positions: Int64s) -> Int64s:
        """The indices of positions that are all on the axis."""
        if len(self.starts) == 1:
            offset: Int64s = positions - self.starts[0]
            return offset
        part = np.searchsorted(self.starts, positions, side="right") - 1
        return np.asarray(positions - self.starts[part] + self._first[part], dtype=np.int64)

    def find(self, positions: Int64s) -> tuple[Int64s, NDArray[np.bool_]]:
        """The index of each position (0 where it is not on the axis), and whether it is on it."""
        if not self.size:
            return np.zeros(len(positions), dtype=np.int64), np.zeros(len(positions), dtype=np.bool_)
        part = np.maximum(np.searchsorted(self.starts, positions, side="right") - 1, 0)
        inside = (positions >= self.starts[part]) & (positions < self.ends[part])
        index = np.where(inside, positions - self.starts[part] + self._first[part], 0)
        return index, inside

    def following(self, positions: Int64s) -> Int64s:
        """The index of the first position on the axis at or after each; ``size`` where there is none."""
        part = np.searchsorted(self.ends, positions, side="right")
        first = np.concatenate((self._first, [self.size]))
        start = np.concatenate((self.starts, [np.iinfo(np.int64).max]))
        index: Int64s = first[part] + np.maximum(positions - start[part], 0)
        return index

    def positions(self, indices: Int64s) -> Int64s:
        """The inverse of :meth:`index`."""
        part = np.searchsorted(self._first, indices, side="right") - 1
        return np.asarray(indices - self._first[part] + self.starts[part], dtype=np.int64)
