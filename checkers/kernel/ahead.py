"""What of the order of a stream's moments is no matter of the clock: processes, sessions, and answers in parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from fencepost.harness.history.history import APPEND, NONE, History, Int64s

from . import spec


def ahead(
    history: History, rows: Int64s, asked: spec.Asked, answers: Sequence[Int64s], sessions: Sequence[Int64s]
) -> Int64s:
    """See :attr:`~.columns.Requirements.ahead`; ``answers`` in parts and ``sessions`` are indices of rows."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    pairs: list[tuple[int, int, int]] = []
    touching = _touching(history, rows)
    interesting = np.zeros(len(history), dtype=np.bool_)
    for group in (*touching, *sessions, *answers):
        interesting[rows[group]] = True
    twice = np.flatnonzero(asked.number > 0)
    pairs += [(m - 1, m, 1) for m in twice.tolist()]
    for m in np.flatnonzero(interesting[asked.row]).tolist():
        first.setdefault(int(asked.row[m]), m)
        last[int(asked.row[m])] = m
    for group in touching:
        pairs += _of_process(history, rows[group].tolist(), first, last)
    for group in sessions:
        pairs += _of_session([first[row] for row in rows[group].tolist() if row in first], asked)
    for group in answers:
        spoken = [row for row in rows[group].tolist() if row in first]
        pairs += [(last[one], first[other], 1) for one, other in pairwise(spoken)]
    return np.array(pairs, dtype=np.int64).reshape(-1, 3)


def orders(history: History, source: int, target: int) -> dict[str, bool]:
    """By what one row comes before another one: their answer, the clock, their process, or their session."""
    earlier, whole, session = source < target, history.part_of[source], history.session[source]
    returned, invoked = history.returned[source], history.invoked[target]
    return {
        "answer": bool(whole != NONE and (target == whole or (history.part_of[target] == whole and earlier))),
        "rt": bool(returned < invoked),
        "process": bool(history.process[source] == history.process[target] and earlier and returned <= invoked),
        "session": bool(session == history.session[target] != NONE and earlier),
    }


def _touching(history: History, rows: Int64s) -> list[Int64s]:
    """Groups of rows (as indices of ``rows``) of one process that end or begin at one instant."""
    process, invoked, ended = history.process[rows], history.invoked[rows], history.returned[rows]
    order = np.argsort(process.astype(np.uint16) if process.max(initial=0) < 1 << 16 else process, kind="stable")
    same = process[order[1:]] == process[order[:-1]]
    touch = same & (invoked[order[1:]] == ended[order[:-1]])
    pipelined = history.session[rows] != NONE
    if not touch.any() and not pipelined.any():
        return []
    times = invoked if pipelined.any() else np.unique(invoked[order[1:][touch]])
    begins = np.flatnonzero(np.isin(invoked, times) & np.isin(invoked, ended))
    ends = np.flatnonzero(np.isin(ended, invoked[begins]))
    groups: dict[tuple[int, int], set[int]] = {}
    for one, time in ((begins, invoked), (ends, ended)):
        for i in one.tolist():
            groups.setdefault((int(process[i]), int(time[i])), set()).add(i)
    return [np.array(sorted(group), dtype=np.int64) for group in groups.values() if len(group) > 1]


def _of_process(
    history: History, rows: list[int], first: dict[int, int], last: dict[int, int]
) -> Iterator[tuple[int, int, int]]:
    """A process does one thing after another, at one instant of the clock as well.

    The batches of a session are pipelined, and a part begins when its read does, but its end is no answer that its
    process waits for.
    """
    for i, one in enumerate(rows):
        if one not in last or history.part_of[one] != NONE:
            continue
        for other in rows[i + 1 :]:
            if other not in first or history.invoked[other] != history.returned[one]:
                continue
            if history.part_of[other] != one and not _pipelined(history, one, other):
                yield last[one], first[other], 1


def _pipelined(history: History, one: int, other: int) -> bool:
    """Are both batches of one append session?"""
    same = NONE != history.session[one] == history.session[other]
    return bool(same and history.kind[one] == history.kind[other] == APPEND)


def _of_session(batches: list[int], asked: spec.Asked) -> Iterator[tuple[int, int, int]]:
    """Batches land in their order (S1): none is applied without those before it. A refused one ends the session (S2).

    Those applied before it are then all that there are, whichever they are.
    """
    for i, one in enumerate(batches):
        if asked.ask[one] == spec.APPEND:
            if i:
                yield batches[i - 1], one, 1
        else:
            yield from ((before, one, 0) for before in batches[:i])
