"""The size, and the latest timestamp, that the record at a position can have, in a replay that goes back and forth."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE, Kind, Outcome

from .asked import Ask, Asked
from .log import LARGEST, spans, told


class Sizes:
    """``starts`` and ``floats`` are the floats applied by now, ascending, with the positions at which they begin."""

    def __init__(self, asked: Asked) -> None:
        history, appends = asked.history, asked.history.appends
        self._asked = asked
        self._first = history.header.streams[asked.stream].tail
        self._acked = sorted((m.at, m.row) for m in asked.moments if m.ask is Ask.APPEND)
        self._begins = [at for at, _ in self._acked]
        self._column, self._offset = appends.size, appends.offset
        self.starts: list[int] = []
        self.floats: list[int] = []
        self.read = _read(asked)
        self._position, self._time = _timestamps(asked)

    def of(self, position: int) -> int:
        """Metered bytes. What nobody knows was there before, and may be as large as records can be."""
        if position < self._first:
            return self.read.get(position, (0, LARGEST))[1]
        at = bisect_right(self.starts, position) - 1
        if at >= 0:
            sizes = self._asked.floats[self.floats[at]].sizes
            if position < self.starts[at] + len(sizes):
                return sizes[position - self.starts[at]]
        at = bisect_right(self._begins, position) - 1
        begin, row = self._acked[at] if at >= 0 else (NONE, NONE)
        if row == NONE or position >= begin + int(self._offset[row + 1] - self._offset[row]):
            return LARGEST
        return int(self._column[self._offset[row] + position - begin])

    def latest(self, position: int) -> int:
        """Timestamps never decrease: the next one that is told bounds it (ms; FOREVER if none does)."""
        at = bisect_left(self._position, position)
        return self._time[at] if at < len(self._time) else FOREVER

    def applied_since(self, position: int) -> tuple[tuple[int, int], ...]:
        """The records of floats from a position on: where each stands, and its size."""
        at = max(bisect_right(self.starts, position) - 1, 0)
        floats = self._asked.floats
        return tuple(
            (place, size) for start, number in zip(self.starts[at:], self.floats[at:], strict=True)
            for place, size in enumerate(floats[number].sizes, start) if place >= position
        )  # fmt: skip


def _read(asked: Asked) -> dict[int, tuple[int, int]]:
    """Digest and size of what was read, by position."""
    history, reads, rows = asked.history, asked.history.reads, asked.rows
    rows = rows[(history.kind[rows] == Kind.READ) & (history.outcome[rows] == Outcome.OK)]
    record = spans(reads.offset[rows], reads.offset[rows + 1] - reads.offset[rows])
    columns = (column[record].tolist() for column in (reads.seq_num, reads.digest, reads.size))
    return {position: (digest, size) for position, digest, size in zip(*columns, strict=True)}


def _timestamps(asked: Asked) -> tuple[list[int], list[int]]:
    position, time, _ = told(asked.history, asked.rows)
    position, first = np.unique(position, return_index=True)
    return position.tolist(), time[first].tolist()
