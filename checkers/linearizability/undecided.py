"""What a search leaves open that was given up: the holes, who may have filled them, and what would settle it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from fencepost.harness.history.history import Int64s

from ..kernel import spec
from ..kernel.answers import returned
from ..kernel.columns import Requirements
from ..kernel.format import OpenHole
from ..kernel.holes import fitting
from .decide import Decision
from .tightest import tightest

MOST: Final = 10
"""Candidates that are named."""


def holes(asked: Requirements, decision: Decision) -> list[OpenHole]:
    """The stretches of positions of which nobody knows who wrote them, with the appends that may have."""
    columns = asked.asked
    acked = np.flatnonzero((columns.ask == spec.APPEND) & (columns.optional == 0))
    seen = asked.records.seq_num[returned(asked)[0]]
    named = columns.at[(columns.ask != spec.APPEND) & (columns.optional == 0)]
    end = max(asked.tail, *(int(one.max(initial=0)) for one in (columns.end[acked], seen + 1, named)))
    covered = np.zeros(end - asked.tail + 1, dtype=np.int64)
    np.add.at(covered, columns.at[acked] - asked.tail, 1)
    np.add.at(covered, columns.end[acked] - asked.tail, -1)
    free = np.cumsum(covered)[:-1] == 0
    free[seen[(seen >= asked.tail) & (seen < end)] - asked.tail] = False
    edges = np.diff(np.concatenate(([0], free.astype(np.int64), [0])))
    found = []
    for start, stop in zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True):
        low, high = start + asked.tail, stop + asked.tail
        fits = fitting(asked, low, high)
        candidates = columns.row[fits[columns.high[fits] > columns.low[fits]]].tolist()
        if candidates:
            found.append(OpenHole(low, high, candidates))
    return found


def reason(asked: Requirements, rows: Int64s, decision: Decision, opened: Sequence[OpenHole]) -> str:
    """Why a stream, whose rows are ``rows``, is undecided, in a sentence."""
    found = tightest(asked, rows, decision.furthest) if decision.furthest is not None else None
    tight = "" if found is None else f"{found.text}; "
    ids, name = asked.history.id, asked.history.header.streams[asked.stream].name
    if opened:
        hole = next((one for one in opened if one.end > decision.tail), opened[0])
        last = hole.end - 1
        place = f"position {hole.start}" if last == hole.start else f"positions {hole.start} to {last}"
        what, settles, some = f"who wrote {place}", f"a read of {place}", list(hole.candidates)
    else:
        what, settles = "which appends of unknown outcome were applied", "a read of the whole stream"
        some = asked.asked.row[asked.asked.optional > 0].tolist()
    candidates = ", ".join(f"#{int(ids[row])}" for row in some[:MOST]) or "none"
    more = "" if len(some) <= MOST else f" and {len(some) - MOST:,} more"
    return (
        f"stream {name}: {what} was not found: {decision.reason}; {tight}"
        f"candidates, all of unknown outcome: {candidates}{more}; {settles} would settle it"
    )
