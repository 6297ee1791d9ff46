"""Orders that the clock does not tell: of a process at one instant, and within a session.

A process invokes nothing before it has its last answer, even where both happened at one instant of the clock. The
batches of an append session are applied in their order, each only after the one before it was; the parts of an answer
come one after the other.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import FOREVER, NONE, Int64s, Kind, Outcome

from .stream import Stream


def ties(stream: Stream) -> dict[int, list[int]]:
    """Rows that were invoked at the very instant at which operations before them in their process returned: those.

    Batches of one session pipeline. A part of an answer begins when its read does, and its end is no answer.
    """
    history, rows = stream.history, stream.rows
    rows = rows[_at_shared_instants(history.invoked[rows], history.returned[rows])]
    session = np.where(history.kind[rows] == Kind.APPEND, history.session[rows], NONE)
    answered = np.where(history.part_of[rows] == NONE, history.returned[rows], FOREVER)
    moment = np.concatenate((answered, history.invoked[rows]))
    begins = np.repeat((False, True), len(rows))
    order = np.lexsort((begins, moment, np.tile(history.process[rows], 2)))
    process, moment, begins = np.tile(history.process[rows], 2)[order], moment[order], begins[order]
    # Equal process and instant, a return and then an invocation: only these are worth a closer look.
    near = np.flatnonzero((process[1:] == process[:-1]) & (moment[1:] == moment[:-1]) & (begins[1:] > begins[:-1]))
    found: dict[int, list[int]] = {}
    for at in near.tolist():
        low = high = at
        while low > 0 and process[low - 1] == process[at] and moment[low - 1] == moment[at]:
            low -= 1
        while high + 1 < len(order) and process[high + 1] == process[at] and moment[high + 1] == moment[at]:
            high += 1
        ended = order[low : at + 1]
        for later in (order[at + 1 : high + 1] - len(rows)).tolist():
            mine = [
                int(rows[one])
                for one in ended.tolist()
                if one < later
                and (session[one] == NONE or session[one] != session[later])
                and history.part_of[rows[later]] != rows[one]
            ]
            if mine:
                found.setdefault(int(rows[later]), []).extend(mine)
    return found


def _at_shared_instants(invoked: Int64s, returned: Int64s) -> NDArray[np.bool_]:
    """Which of them were invoked, or returned, at an instant at which another did the other. Mostly there is none."""
    # Both are sorted, or nearly: that sort is for such, and twice as fast as looking up the ones among the others.
    instants = np.sort(np.concatenate((_distinct(invoked), _distinct(returned))), kind="stable")
    shared = instants[1:][instants[1:] == instants[:-1]]
    if not len(shared):
        return np.zeros(len(invoked), dtype=np.bool_)
    return np.asarray(np.isin(invoked, shared) | np.isin(returned, shared))


def _distinct(times: Int64s) -> Int64s:
    times = np.sort(times, kind="stable")
    return times[np.append(True, times[1:] != times[:-1])] if len(times) else times


def batches_of_sessions(stream: Stream) -> list[list[int]]:
    """The rows of the batches of each append session, in their order."""
    history, rows = stream.history, stream.rows
    members = rows[(history.session[rows] != NONE) & (history.kind[rows] == Kind.APPEND)]
    return _grouped(members, history.session[members])


def parts_of_answers(stream: Stream) -> list[list[int]]:
    """The rows of the parts of each answer that came in parts, in their order; the read itself, with the rest, last."""
    history, rows = stream.history, stream.rows
    frames = rows[history.part_of[rows] != NONE]
    frames = frames[np.lexsort((frames, history.returned[frames]))]
    return [[*parts, int(history.part_of[parts[0]])] for parts in _grouped(frames, history.part_of[frames])]


def _grouped(rows: Int64s, keys: Int64s) -> list[list[int]]:
    groups: dict[int, list[int]] = {}
    for row, key in zip(rows.tolist(), keys.tolist(), strict=True):
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def tied(stream: Stream) -> dict[int, list[int]]:
    """The last predecessor of each row that has any by :func:`ties`, and of a refused batch that of its session."""
    found, outcome = {row: [max(before)] for row, before in ties(stream).items()}, stream.history.outcome
    for batches in batches_of_sessions(stream):
        for before, row in itertools.pairwise(batches):
            if outcome[row] == Outcome.FAILED:
                found.setdefault(row, []).append(before)
    return found


def predecessors(stream: Stream) -> dict[int, list[int]]:
    """For each row, those that come before it although the clock need not say so."""
    found = ties(stream)
    for group in (*batches_of_sessions(stream), *parts_of_answers(stream)):
        for before, row in itertools.pairwise(group):
            found.setdefault(row, []).append(before)
    return found
