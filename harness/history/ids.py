"""Finds the rows of operations by their ids."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from .history import NONE, Int64s

_SPREAD: Final = 4
_SLACK: Final = 1 << 16
"""Ids up to so many for each row, and so many more, are looked up in a table; others by bisection."""


class Ids:
    """The rows of ids, shape (n,). If an id stands in several rows, it is that of the least ``place`` (shape (n,))."""

    def __init__(self, ids: Int64s, places: Int64s) -> None:
        order = np.arange(len(ids))
        if not np.all(places[1:] >= places[:-1]):
            order = np.argsort(places, kind="stable")
        self._ids = ids
        top = int(ids.max(initial=-1)) + 1
        self._dense = int(ids.min(initial=0)) >= 0 and top <= _SPREAD * len(ids) + _SLACK
        if self._dense:
            self._rows = np.full(top + 1, NONE, dtype=np.int64)
            self._rows[ids[order[::-1]]] = order[::-1]  # of several, the last one written stays
            return
        by_id = order[np.argsort(ids[order], kind="stable")]
        fresh = np.ones(len(ids), dtype=np.bool_)
        fresh[1:] = ids[by_id[1:]] != ids[by_id[:-1]]
        self._rows = by_id[fresh]
        self._sorted = ids[self._rows]

    def rows(self, ids: Int64s) -> Int64s:
        """Return the row of each id; NONE for an unknown one."""
        if self._dense:
            known = (ids >= 0) & (ids < len(self._rows) - 1)
            found: Int64s = self._rows[np.where(known, ids, NONE)]
            return found
        if not len(self._sorted):
            return np.full(len(ids), NONE, dtype=np.int64)
        at = np.minimum(np.searchsorted(self._sorted, ids), len(self._sorted) - 1)
        bisected: Int64s = np.where(self._sorted[at] == ids, self._rows[at], NONE)
        return bisected

    @property
    def repeated(self) -> Any:
        """Return in which rows an id stands that a row with a lesser place has (bool, shape (n,))."""
        return self.rows(self._ids) != np.arange(len(self._ids))
