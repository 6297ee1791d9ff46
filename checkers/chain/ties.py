"""Orders that the clock does not tell: of a process at one instant, and within a session.

A process invokes nothing before it has its last answer, even where both happened at one instant of the clock. The
batches of an append session are applied in their order, each only after the one before it was; the parts of an answer
come one after the other.
"""

from __future__ import annotations

import itertools

import numpy as np

from fencepost.harness.history.history import NONE, Int64s, Kind, Outcome

from .stream import Stream


def ties(stream: Stream) -> dict[int, int]:
    """Rows that were invoked at the very instant at which their process's operation before returned.

    What is of a session is left out: sessions pipeline.
    """
    history, rows = stream.history, stream.rows
    rows = rows[(history.session[rows] == NONE) & (history.part_of[rows] == NONE)]
    order = np.argsort(history.process[rows], kind="stable")
    ordered = rows[order]
    process = history.process[ordered]
    tied = (process[1:] == process[:-1]) & (history.returned[ordered[:-1]] == history.invoked[ordered[1:]])
    at = np.flatnonzero(tied)
    return dict(zip(ordered[at + 1].tolist(), ordered[at].tolist(), strict=True))


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


def tied(stream: Stream) -> dict[int, int]:
    """:func:`ties`, and for each refused batch of a session the batch before it."""
    pairs, outcome = ties(stream), stream.history.outcome
    for batches in batches_of_sessions(stream):
        pairs |= {row: before for before, row in itertools.pairwise(batches) if outcome[row] == Outcome.FAILED}
    return pairs


def predecessors(stream: Stream) -> dict[int, list[int]]:
    """For each row, those that come before it although the clock need not say so."""
    found: dict[int, list[int]] = {}
    for row, before in ties(stream).items():
        found.setdefault(row, []).append(before)
    for group in (*batches_of_sessions(stream), *parts_of_answers(stream)):
        for before, row in itertools.pairwise(group):
            found.setdefault(row, []).append(before)
    return found
