"""What answers prove of the tails that there were, and of the tokens in force, before any order is known."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from fencepost.harness.history.history import NONE, Int64s

from ..kernel import spec
from ..kernel.answers import exacts, returning
from ..kernel.columns import Requirements
from ..kernel.facts import earliest, highest, latest, lowest, trimming


class Evidence:
    """What is proven where appends took effect at ``start`` (NONE: not known).

    ``latest`` bounds, for each moment, the tail that it met.
    """

    def __init__(self, asked: Requirements, start: Int64s) -> None:
        self._asked, self._start = asked, start
        self.latest = latest(asked, highest(asked, start))

    @cached_property
    def released(self) -> Int64s:
        """The least tail that each moment can have met."""
        return earliest(self._asked, lowest(self._asked, self._start))

    @property
    def tails(self) -> Int64s:
        """Some tails that there were, in no order."""
        columns, exact = self._asked.asked, exacts(self._asked)
        told = columns.told[(columns.ask == spec.PART) & (columns.told != NONE)]
        return np.concatenate((columns.at[exact], told))


def missing_trims(asked: Requirements, start: Int64s, proven: Evidence) -> list[tuple[int, int, int]]:
    """Reads that show records to be gone that no append at ``start`` had trimmed: bounds of the tail, and up to where.

    Only what lies between records of an answer, or between these and where it had to start, is looked at.
    """
    columns, records, base = asked.asked, asked.records, asked.tail
    read = returning(asked)
    first, last = records.seq_num[columns.low[read]], records.seq_num[columns.high[read] - 1]
    begin = np.where(columns.after[read] == NONE, columns.start[read], columns.after[read])
    gone = np.where((begin != NONE) & (begin < first), first, 0)
    for i in np.flatnonzero(last - first >= columns.high[read] - columns.low[read]).tolist():
        own = records.seq_num[columns.low[read[i]] : columns.high[read[i]]]
        gone[i] = int(own[1:][np.diff(own) > 1].max(initial=gone[i]))
    placed = np.flatnonzero(start != NONE)
    placed = placed[np.argsort(start[placed], kind="stable")]
    trim, to = trimming(asked, placed, start[placed])
    floor = np.maximum.accumulate(np.concatenate(([base], to)))
    trimmed = floor[np.searchsorted(start[placed[trim]], proven.latest[read], side="left")]
    missing = np.flatnonzero(gone > trimmed)
    read = read[missing]
    return list(zip(proven.released[read].tolist(), proven.latest[read].tolist(), gone[missing].tolist(), strict=True))
