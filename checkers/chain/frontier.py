"""How far a stream is known to have got by a moment: the running maximum on which the whole check rests."""

from __future__ import annotations

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE, Int64s

from .stream import Stream


class Frontier:
    """The greatest of some lower bounds of the tail whose operations had returned before a moment.

    ``returned`` (ns) and ``lower`` (positions) have one entry an observation; those that never return count
    for nothing. ``initial`` holds from the beginning.
    """

    def __init__(self, returned: Int64s, lower: Int64s, initial: int) -> None:
        ended = np.flatnonzero(returned != FOREVER)
        self._order = ended[np.argsort(returned[ended], kind="stable")]
        self._times = returned[self._order]
        values = np.maximum.accumulate(np.concatenate(([initial], lower[self._order])))
        self._values = values
        self._risen = np.concatenate(([False], values[1:] > values[:-1]))

    @property
    def greatest(self) -> int:
        """The frontier after everything has returned."""
        return int(self._values[-1])

    def at(self, times: Int64s) -> Int64s:
        """The frontier at each time: of what returned strictly before, since equal instants are concurrent."""
        return np.asarray(self._values[np.searchsorted(self._times, times, side="left")], dtype=np.int64)

    def sources(self, times: Int64s) -> Int64s:
        """Which observation brought the frontier there: an index into the arrays given, NONE for the initial."""
        latest = np.maximum.accumulate(np.where(self._risen, np.arange(len(self._risen)), 0))
        at = latest[np.searchsorted(self._times, times, side="left")]
        if not len(self._order):
            return np.full(len(times), NONE, dtype=np.int64)
        return np.where(at == 0, NONE, self._order[np.maximum(at - 1, 0)])


def raw_frontier(stream: Stream) -> Frontier:
    """The frontier by what answers say of themselves, whatever the chain turns out to be."""
    history = stream.history
    rows = stream.rows
    lower = np.maximum(history.observed_tail[rows], history.seq_num_mismatch[rows])
    lower = np.maximum(lower, np.maximum(history.appends.end[rows], history.reads.tail[rows]))
    offset = history.reads.offset
    filled = np.flatnonzero(offset[rows + 1] > offset[rows])
    lower[filled] = np.maximum(lower[filled], history.reads.seq_num[offset[rows[filled] + 1] - 1] + 1)
    return Frontier(history.returned[rows], lower, stream.tail)
