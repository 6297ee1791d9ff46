"""The moments that answers speak of, as plain columns: what the replay has to place between invocation and return.

A definite operation that says something has one moment; an acknowledgement whose tail lies beyond its own end has
two, and so has the first part of an answer whose beginning matters later on (:mod:`.beginnings`). An operation that
says nothing (a failure that is no refusal, an answer that never came) has none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import NONE, History, Int64s, Kind, Outcome

from ..chain.stream import Stream, among
from ..chain.ties import predecessors


class Sort(IntEnum):
    """What a moment asks of the stream's state.

    An acknowledged append changes it; a tail is exact, and so are a refusal that names one and an answer 416; a
    whole read asks for a hash as well; a token refusal asks for a token; a silent one, that some condition fails. What
    a beginning asks is for later parts of its answer to say.
    """

    APPEND = 0
    TAIL = 1
    WHOLE = 2
    TAIL_REFUSAL = 3
    UNSATISFIABLE = 4
    TOKEN_REFUSAL = 5
    SILENT_REFUSAL = 6
    READ = 7
    BEGIN = 8


EXACT = (Sort.TAIL, Sort.WHOLE, Sort.TAIL_REFUSAL, Sort.UNSATISFIABLE)
"""Those that name the one tail at which they are."""


@dataclass(slots=True)
class Moments:
    """Columns of shape (m,), ascending by invocation.

    ``tail`` is the exact tail, or the start of an acknowledged append, NONE where there is none. ``before`` is the
    moment that must come first whatever the clock says (the same operation's first one, the process's or the session's
    predecessor), NONE if none; ``after_float`` the row of an append of unknown outcome that must have been applied.
    """

    row: list[int] = field(default_factory=list)
    sort: list[int] = field(default_factory=list)
    tail: list[int] = field(default_factory=list)
    invoked: list[int] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)
    before: list[list[int]] = field(default_factory=list)
    after_float: list[int] = field(default_factory=list)
    second: list[bool] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.row)


def moments(stream: Stream, openings: Collection[int]) -> Moments:
    """The moments of a stream. ``openings`` are reads (rows) with a moment of their own for their beginning."""
    history = stream.history
    rows, sorts, tails, seconds = _collect(stream, openings)
    order = np.lexsort((seconds, rows))
    order = order[np.argsort(history.invoked[rows[order]], kind="stable")]
    rows, sorts, tails, seconds = rows[order], sorts[order], tails[order], seconds[order]
    found = Moments(
        row=rows.tolist(),
        sort=sorts.tolist(),
        tail=tails.tolist(),
        invoked=history.invoked[rows].tolist(),
        returned=history.returned[rows].tolist(),
        before=[[] for _ in range(len(rows))],
        after_float=[NONE] * len(rows),
        second=seconds.tolist(),
    )
    _link(stream, found)
    return found


def _collect(stream: Stream, openings: Collection[int]) -> tuple[Int64s, Int64s, Int64s, Int64s]:
    history, rows = stream.history, stream.rows
    appends = history.appends
    kind, ok = history.kind[rows], history.outcome[rows] == Outcome.OK
    failed = history.outcome[rows] == Outcome.FAILED
    append, read = kind == Kind.APPEND, kind == Kind.READ
    observed = history.observed_tail[rows]
    hashed = history.reads.hashed[rows]
    by_tail, by_token = history.seq_num_mismatch[rows] != NONE, history.token_mismatch[rows] != NONE
    silent = append & failed & (history.status[rows] == 412) & ~by_tail & ~by_token
    groups: list[tuple[Sort, Int64s, Int64s, int]] = []

    def add(sort: Sort, mask: NDArray[np.bool_], tail: Int64s, second: int = 0) -> None:
        groups.append((sort, rows[mask], tail[mask], second))

    none = np.full(len(rows), NONE, dtype=np.int64)
    acked = append & ok & (appends.start[rows] != NONE)
    add(Sort.APPEND, acked, appends.start[rows])
    add(Sort.TAIL, acked & (appends.tail[rows] > appends.end[rows]), appends.tail[rows], 1)
    add(Sort.TAIL, (kind == Kind.CHECK_TAIL) & (observed != NONE), observed)
    add(Sort.WHOLE, read & ok & hashed, observed)
    add(Sort.UNSATISFIABLE, read & failed & (observed != NONE), observed)
    add(Sort.TAIL_REFUSAL, append & by_tail, history.seq_num_mismatch[rows])
    add(Sort.TOKEN_REFUSAL, append & by_token, none)
    add(Sort.SILENT_REFUSAL, silent, none)
    opening = among(history, rows, openings)
    add(Sort.BEGIN, opening, none)
    add(Sort.READ, read & ok & ~hashed & ~opening, none)
    add(Sort.READ, opening, none, 1)
    return (
        np.concatenate([rows for _, rows, _, _ in groups]),
        np.concatenate([np.full(len(rows), sort, dtype=np.int64) for sort, rows, _, _ in groups]),
        np.concatenate([tail for _, _, tail, _ in groups]),
        np.concatenate([np.full(len(rows), second, dtype=np.int64) for _, rows, _, second in groups]),
    )


def _link(stream: Stream, found: Moments) -> None:
    history = stream.history
    last: dict[int, int] = {}
    for moment, row in enumerate(found.row):
        if found.second[moment]:
            found.before[moment].append(last[row])
        last[row] = moment
    first: dict[int, int] = {}
    for moment in range(len(found.row) - 1, -1, -1):
        first[found.row[moment]] = moment
    links = predecessors(stream)
    for row in links:
        if row in first:
            for one in _speaking(links, row, last):
                if one in last:
                    # In a session the append itself comes first; what its answer says of a later tail need not.
                    found.before[first[row]].append(first[one] if in_session(history, one, row) else last[one])
                elif _still_alone(found, first[row]) and _floats(history, one):
                    found.after_float[first[row]] = one


def _still_alone(found: Moments, moment: int) -> bool:
    """Is it an acknowledged append that needs no float yet? The nearest is enough: that one needs those before it."""
    return found.sort[moment] == Sort.APPEND and found.after_float[moment] == NONE


def _speaking(links: dict[int, list[int]], row: int, speaking: Collection[int]) -> Iterator[int]:
    """The rows before a row; before those that say nothing, the rows before them as well."""
    ahead = list(links[row])
    while ahead:
        one = ahead.pop()
        yield one
        if one not in speaking:
            ahead += links.get(one, [])


def in_session(history: History, one: int, other: int) -> bool:
    """Are both batches of one append session?"""
    return bool(
        history.session[one] != NONE
        and history.session[one] == history.session[other]
        and history.kind[one] == history.kind[other] == Kind.APPEND
    )


def _floats(history: History, row: int) -> bool:
    return bool(history.kind[row] == Kind.APPEND and history.outcome[row] == Outcome.INDEFINITE)
