"""Whether an order respects time: real time, the order in a process, in a session, and within one answer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import NONE, History, Int64s, Kind, Outcome

from .moments import Moments
from .refutation import refute


def check(moments: Moments) -> None:
    """Raises Refuted where the order puts something before what it came after."""
    _real_time(moments)
    _processes(moments)
    _sessions(moments)
    _parts(moments)


def _real_time(moments: Moments) -> None:
    """Nothing stands after what was invoked once it had returned. Equal instants are concurrent."""
    history, order = moments.history, moments.order
    if not len(order):
        return
    begun = np.maximum.accumulate(history.invoked[order])
    late = history.returned[order] < begun
    if late.any():
        refute(history, int(order[np.argmax(late)]), "stands after an operation that was invoked when it had returned")


def _processes(moments: Moments) -> None:
    """A process does one thing after another, at one instant of the clock as well.

    Batches of one session are pipelined, and the parts of an answer are no operations: both have rules of their own.
    """
    history = moments.history
    order = moments.order[history.part_of[moments.order] == NONE]
    if not _touch(history, order, np.maximum.accumulate(order)).any():
        return  # whatever stands after a later row returned after it was invoked, not at that instant
    order = order[np.argsort(history.process[order], kind="stable")]
    process = history.process[order]
    first = np.concatenate(([True], process[1:] != process[:-1]))
    # The greatest row so far in its process: rows ascend with invocation.
    base = np.cumsum(first) * len(history)
    suspects = np.flatnonzero(_touch(history, order, np.maximum.accumulate(order + base) - base))
    begins = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    for at in suspects.tolist():
        row, earlier = int(order[at]), order[begins[at] : at]
        own = (history.session[row] != NONE) & (history.session[earlier] == history.session[row])
        if (_touch(history, np.full(len(earlier), row), earlier) & ~own).any():
            refute(history, row, "stands after what its process did next")


def _touch(history: History, rows: Int64s, later: Int64s) -> NDArray[np.bool_]:
    """Which rows returned at the instant at which the later one was invoked, or before it."""
    touch: NDArray[np.bool_] = (later > rows) & (history.invoked[later] >= history.returned[rows])
    return touch


def _sessions(moments: Moments) -> None:
    """The batches of an append session stand in its order, and those applied are its first."""
    history, rows = moments.history, moments.rows
    batches = np.flatnonzero((history.session[rows] != NONE) & (history.kind[rows] == Kind.APPEND))
    if not len(batches):
        return
    batches = batches[np.argsort(history.session[rows[batches]], kind="stable")]
    session = history.session[rows[batches]]
    applied = moments.applied[batches]
    same = session[1:] == session[:-1]
    over = same & applied[1:] & ~applied[:-1]
    if over.any():
        row = rows[batches[1:][np.argmax(over)]]
        refute(history, int(row), "was applied, although the batch before it in its session was not")
    present = batches[moments.first[batches] != NONE]
    _ascending(moments, present, history.session[rows[present]], "stands before an earlier batch of its session")


def _parts(moments: Moments) -> None:
    """The parts of one answer stand in the order in which they came, and its end after them."""
    history, rows = moments.history, moments.rows
    part_of = history.part_of[rows]
    parts = part_of != NONE
    if not parts.any():
        return
    ends = np.isin(rows, part_of[parts]) & (history.outcome[rows] != Outcome.INDEFINITE) & (moments.last != NONE)
    chosen = np.flatnonzero(parts | ends)
    of = np.where(parts, part_of, rows)[chosen]
    in_order = np.lexsort((rows[chosen], ends[chosen], of))
    _ascending(moments, chosen[in_order], of[in_order], "stands before an earlier part of its answer", last=True)
    _reached(history, rows[chosen[in_order]], of[in_order])


def _reached(history: History, rows: Int64s, of: Int64s) -> None:
    """No part tells a tail below what an earlier one of its answer had told, or returned."""
    reads, reached, answer = history.reads, NONE, NONE
    for row, read in zip(rows.tolist(), of.tolist(), strict=True):
        reached, answer = reached if read == answer else NONE, read
        told = int(reads.tail[row]) if reads.wait[row] > 0 else NONE
        if NONE != told < reached:
            refute(history, row, "tells a tail below what an earlier part of its answer had reached")
        low, high = int(reads.offset[row]), int(reads.offset[row + 1])
        reached = max(reached, told, int(reads.seq_num[high - 1]) + 1 if high > low else NONE)


def _ascending(moments: Moments, at: Int64s, group: Int64s, why: str, last: bool = False) -> None:
    place = (moments.last if last else moments.first)[at]
    back = (group[1:] == group[:-1]) & (place[1:] < place[:-1])
    if back.any():
        refute(moments.history, int(moments.rows[at[1:][np.argmax(back)]]), why)
