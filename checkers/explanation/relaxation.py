"""What a witness leaves of a history: the proof whole, of its context the answers, of all else next to nothing.

An operation binds an order by its answer, its conditions and its times. *Relaxed*, it binds as little as can be: an
observation is gone; an append, however it ended, is indefinite, without conditions, and invoked at the beginning, so
that it may have taken effect anywhere, or nowhere (what it sent remains sent). In the *context*, an operation keeps
its answer, and if it was refused the conditions without which that means nothing; but it may have been at any time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import numpy as np

from fencepost.harness.history.history import APPEND, FOREVER, INDEFINITE, NONE, OK, History, Int64s
from fencepost.harness.history.selection import select

_UNSAID: Final = (
    "match_seq_num",
    "token",
    "start",
    "end",
    "tail",
    "start_timestamp",
    "end_timestamp",
    "tail_timestamp",
)


def relaxed(history: History, rows: Int64s, members: Iterable[int], context: Iterable[int]) -> History:
    """The operations ``rows``, of which ``members`` are whole and ``context`` keep their answers; ids stay."""
    whole = np.unique(np.fromiter(members, dtype=np.int64))
    loose = rows[~np.isin(rows, whole)]
    kept = np.isin(loose, np.fromiter(context, dtype=np.int64))
    append = history.kind[loose] == APPEND
    # Of an indefinite operation nothing is known but what it sent, or what parts of its answer hold.
    kept &= (history.outcome[loose] != INDEFINITE) | np.isin(loose, history.part_of[rows])
    loose, kept = loose[append | kept], kept[append | kept]
    return _loosened(select(history, np.concatenate((loose, whole))), kept)


def unanswered(history: History, rows: Int64s) -> History:
    """The history without the answers of some rows, and of their parts: nobody knows how these operations ended.

    An append may have been applied, whatever it asked for, from its invocation on. An observation says nothing.
    """
    dropped = np.concatenate((rows, np.flatnonzero(np.isin(history.part_of, rows))))
    first = int(history.process.max(initial=0)) + 1
    columns = _changed(
        history,
        dropped,
        process=np.arange(first, first + len(dropped)),
        outcome=INDEFINITE,
        ended=FOREVER,
        returned=FOREVER,
        session=NONE,
        status=NONE,
        seq_num_mismatch=NONE,
        token_mismatch=NONE,
        observed_tail=NONE,
    )
    appends = _changed(history.appends, dropped, **dict.fromkeys(_UNSAID, NONE))
    return replace(history, **columns, appends=replace(history.appends, **appends))


def _changed(table: Any, rows: Int64s, **values: Any) -> dict[str, Any]:
    """Copies of some columns, in which rows have other values."""
    columns = {name: getattr(table, name).copy() for name in values}
    for name, value in values.items():
        columns[name][rows] = value
    return columns


def _loosened(history: History, kept: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> History:
    """The first rows without times; those of them that are not ``kept``, without answers too."""
    number = len(kept)
    bare = np.flatnonzero(~kept)
    taken = np.flatnonzero(kept & (history.outcome[:number] == OK))
    first = int(history.process.max(initial=0)) + 1
    process = np.arange(first, first + number)
    columns = _changed(history, np.arange(number), process=process, invoked=0, ended=FOREVER, returned=FOREVER)
    # The batches of a session come in their order; of a read it tells what it was to do.
    columns |= _changed(history, np.flatnonzero(history.kind[:number] == APPEND), session=NONE)
    columns |= _changed(history, bare, outcome=INDEFINITE, status=NONE, seq_num_mismatch=NONE, token_mismatch=NONE)
    said = _changed(history.appends, bare, **dict.fromkeys(_UNSAID, NONE))
    said["match_seq_num"][taken] = said["token"][taken] = NONE
    return replace(history, **columns, appends=replace(history.appends, **said))
