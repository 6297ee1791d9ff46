"""Accepts an order, or says why not: the only thing that makes a stream valid.

Every moment is in the order once (appends of unknown outcome at most once), no moment stands after one that began when
it had returned, and :mod:`.spec` allows each answer where it stands. Linear in moments and records, but for sorting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fencepost.harness.history.history import NONE, Int64s

from . import log as logs
from . import spec
from .columns import Requirements, listed
from .contradiction import Refuted, refute


@dataclass(frozen=True, slots=True)
class Order:
    """An order of moments (indices of :class:`~.columns.Requirements`), and what it leaves open.

    ``token`` is the first one: an index into the history's tokens, or :data:`.log.ANOTHER`. ``latest`` bounds
    timestamps that nobody reported (:func:`.log.begin`).
    """

    moments: Int64s
    token: int
    latest: Sequence[tuple[int, int]] = ()


def accept(asked: Requirements, rows: Int64s, order: Order) -> None:
    """Raises Refuted unless the order explains every answer of the stream. ``rows`` are the stream's, ascending."""
    moments = order.moments
    kept, why = untimely(asked, moments, _complete(asked, moments))
    if kept < len(moments):
        refute(asked.history, int(asked.asked.row[moments[kept]]), why)
    polls(asked)
    _first_token(asked, order.token)
    at, reason = replayed(asked, rows, order)
    if at < len(moments):
        refute(asked.history, int(asked.asked.row[moments[at]]), spec.REASONS[reason], at)


def replayed(asked: Requirements, rows: Int64s, order: Order) -> tuple[int, int]:
    """How many moments of an order can be taken one after another, and why not the next (:data:`.spec.REASONS`).

    Raises Refuted if it cannot begin.
    """
    moments, columns = order.moments, asked.asked
    appended = moments[columns.ask[moments] == spec.APPEND]
    records = int((columns.high[appended] - columns.low[appended]).sum())
    log, state = logs.begin(asked, rows, records, order.token, order.latest)
    return _replay(asked, log, state, moments)


def _complete(asked: Requirements, moments: Int64s) -> Int64s:
    """The place of each moment in the order, NONE where it is not there."""
    if len(moments) and not (moments.min() >= 0 and moments.max() < len(asked)):
        raise Refuted("the order names a moment that the history does not have")
    place = np.full(len(asked), NONE, dtype=np.int64)
    places = np.arange(len(moments), dtype=np.int64)
    place[moments] = places
    again = place[moments] != places
    if again.any():
        refute(asked.history, int(asked.asked.row[moments[np.argmax(again)]]), "is in the order twice")
    missing = (place == NONE) & (asked.asked.optional == 0)
    if missing.any():
        refute(asked.history, int(asked.asked.row[np.argmax(missing)]), "is missing in the order")
    return place


def untimely(asked: Requirements, moments: Int64s, place: Int64s) -> tuple[int, str]:
    """The first place of an order that time or program order forbids, and why; the order's length if there is none.

    ``place`` has that of each moment, NONE where it is not in the order. Equal instants are concurrent.
    """
    columns, found = asked.asked, [(len(moments), "")]
    if not len(moments):
        return found[0]
    late = columns.returned[moments] < np.maximum.accumulate(columns.invoked[moments])
    if late.any():
        found.append((int(np.argmax(late)), "stands after an operation that was invoked when it had returned"))
    one, other, needed = asked.ahead.T
    wrong = (place[other] != NONE) & np.where(place[one] == NONE, needed > 0, place[one] > place[other])
    if wrong.any():
        why = "stands before what its process, its session or its answer had come to before"
        found.append((int(place[other[wrong]].min()), why))
    return min(found)


def polls(asked: Requirements) -> None:
    """No part tells a tail below what an earlier one of its answer had told, or returned (R8)."""
    columns, history = asked.asked, asked.history
    parts = np.flatnonzero(history.part_of[columns.row] != NONE)
    if not len(parts):
        return
    reads = history.part_of[columns.row[parts]]
    mine = np.flatnonzero(
        (columns.ask == spec.PART) & np.isin(columns.row, np.concatenate((reads, columns.row[parts])))
    )
    read = np.where(history.part_of[columns.row[mine]] == NONE, columns.row[mine], history.part_of[columns.row[mine]])
    reached: dict[int, int] = {}
    for m, answer in sorted(
        zip(mine.tolist(), read.tolist(), strict=True), key=lambda pair: (columns.row[pair[0]] == pair[1], pair[0])
    ):
        low, high, told = int(columns.low[m]), int(columns.high[m]), int(columns.told[m])
        if NONE != told < reached.get(answer, NONE):
            why = "tells a tail below what an earlier part of its answer had reached"
            refute(history, int(columns.row[m]), why, rule="polls")
        last = int(asked.records.seq_num[high - 1]) + 1 if high > low else NONE
        reached[answer] = max(reached.get(answer, NONE), told, last)


def _first_token(asked: Requirements, token: int) -> None:
    history = asked.history
    declared = history.header.streams[asked.stream].fencing_token
    if token != logs.ANOTHER and not 0 <= token < len(history.tokens):
        raise Refuted("the order begins with a token that there is not")
    if declared is not None and token != logs.number(history, declared):
        raise Refuted("the order begins with another token than the history")


def _replay(asked: Requirements, log: spec.Log, state: Int64s, moments: Int64s) -> tuple[int, int]:
    """How far the order can be replayed, and why not further."""
    if asked.is_many:
        from .compiled import replay

        at = replay(asked.asked, asked.records, log, state, moments)
        return int(at), int(state[spec.WHY])
    states = state.tolist()
    run: Callable[..., Any] = spec.replay
    at = run(*asked.listed, listed(log), states, moments.tolist())
    return at, states[spec.WHY]
