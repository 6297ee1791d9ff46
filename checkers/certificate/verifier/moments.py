"""The order as columns: every moment that the history asks for is there, once, and no other.

What an operation says decides how many moments it has. An acknowledgement whose tail is beyond its end speaks of two;
so does a read that waits, is of a session or came in parts, and whose start depends on the tail. What says nothing has
none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import NONE, History, Int64s, Kind, Outcome

from .refutation import Refuted, refute


@dataclass(frozen=True, slots=True)
class Moments:
    """The moments of one stream.

    ``rows`` are the stream's rows, ascending. ``order`` and ``second`` are the certificate's: rows, and which of them
    are second moments. ``first`` and ``last`` give, for each of ``rows``, the place in ``order`` of its first and of
    its last moment (NONE where it has none; the same where it has one). ``applied`` tells which of ``rows`` are
    appends that took effect.
    """

    history: History
    stream: int
    rows: Int64s
    order: Int64s
    second: NDArray[np.bool_]
    first: Int64s
    last: Int64s
    applied: NDArray[np.bool_]


def says_something(history: History, rows: Int64s) -> NDArray[np.bool_]:
    """Which rows have an answer that speaks of the stream: it must be right at some moment."""
    outcome, kind = history.outcome[rows], history.kind[rows]
    refused = (outcome == Outcome.FAILED) & (kind == Kind.APPEND) & (history.status[rows] == 412)
    beyond = (outcome == Outcome.FAILED) & (kind != Kind.APPEND) & (history.observed_tail[rows] != NONE)
    says: NDArray[np.bool_] = (outcome == Outcome.OK) | refused | beyond
    return says


def speaks_twice(history: History, rows: Int64s) -> NDArray[np.bool_]:
    """Which rows have an answer that speaks of two moments."""
    appends, reads, kind = history.appends, history.reads, history.kind[rows]
    ok = history.outcome[rows] == Outcome.OK
    late = (kind == Kind.APPEND) & (appends.tail[rows] > appends.end[rows])
    anywhere = (reads.from_seq_num[rows] == NONE) & (reads.from_timestamp[rows] == NONE)
    in_parts = (history.part_of[rows] != NONE) | np.isin(rows, history.part_of[rows])
    lasts = (reads.wait[rows] > 0) | (history.session[rows] != NONE) | in_parts
    lasts &= (kind == Kind.READ) & ~reads.hashed[rows]
    twice: NDArray[np.bool_] = ok & (late | (lasts & (anywhere | reads.clamp[rows])))
    return twice


def moments(history: History, stream: int, rows: Int64s, order: Int64s, second: NDArray[np.bool_]) -> Moments:
    """Arrange an order; raises Refuted where a moment is missing, there twice, or has no business there."""
    if len(order) != len(second):
        raise Refuted(f"there are {len(order)} rows, but {len(second)} marks")
    if len(order) and not (order.min() >= 0 and order.max() < len(history)):
        raise Refuted("the order names an operation that the history does not hold")
    foreign = history.stream[order] != stream
    if foreign.any():
        refute(history, int(order[np.argmax(foreign)]), "is in the order, and of another stream")
    at = order if len(rows) == len(history) else np.searchsorted(rows, order)
    first, last = (np.full(len(rows), NONE, dtype=np.int64) for _ in range(2))
    place = np.arange(len(order), dtype=np.int64)
    for column, chosen in ((first, ~second), (last, second)):
        column[at[chosen]] = place[chosen]
        again = column[at[chosen]] != place[chosen]
        if again.any():
            refute(history, int(order[chosen][np.argmax(again)]), "is in the order twice")
    _complete(history, rows, first, last)
    last = np.where(last == NONE, first, last)
    if (last < first).any():
        refute(history, int(rows[np.argmax(last < first)]), "ends in the order before it begins")
    appends = history.kind[rows] == Kind.APPEND
    applied = appends & (history.outcome[rows] != Outcome.FAILED) & (first != NONE)
    return Moments(history, stream, rows, order, second, first, last, applied)


def _complete(history: History, rows: Int64s, first: Int64s, last: Int64s) -> None:
    needed, twice = says_something(history, rows), speaks_twice(history, rows)
    lost = (history.kind[rows] == Kind.APPEND) & (history.outcome[rows] == Outcome.INDEFINITE)
    for wrong, why in (
        (needed & (first == NONE), "is missing in the order"),
        (~needed & ~lost & (first != NONE), "is in the order, although its answer says nothing"),
        (twice & (last == NONE), "speaks of two moments, and the second is missing in the order"),
        (~twice & (last != NONE), "speaks of one moment, and has two in the order"),
    ):
        if wrong.any():
            refute(history, int(rows[np.argmax(wrong)]), why)
