"""What a search leaves open that was given up: the hole, who may have filled it, and what would settle it."""

from __future__ import annotations

from fencepost.harness.history.history import NONE

from ..judgement import Judgement
from ..search.decide import Decision

MOST = 10
"""Candidates that are named."""


def reasons(judgement: Judgement, decision: Decision) -> list[str]:
    """Why a stream is undecided, in a sentence."""
    start, end, candidates = _hole(judgement, decision)
    if end == NONE:
        where, reading = f"what was appended from position {start} on", f"a read from position {start} to the tail"
    else:
        place = f"position {start}" if end == start + 1 else f"positions {start} to {end - 1}"
        where, reading = f"who wrote {place}", f"a read of {place}"
    ids = [f"#{int(judgement.history.id[row])}" for row in candidates[:MOST]]
    more = "" if len(candidates) <= MOST else f" and {len(candidates) - MOST:,} more"
    spent = decision.spent
    return [
        f"stream {judgement.stream.name}: {where} was not found: {decision.why} "
        f"({spent.states:,} states, {spent.seconds:.1f} s, {spent.bytes / 2**20:.0f} MiB); "
        f"candidates, all of unknown outcome: {', '.join(ids) or 'none'}{more}; {reading} would settle it"
    ]


def _hole(judgement: Judgement, decision: Decision) -> tuple[int, int, list[int]]:
    """Start, end (NONE where it is open) and candidates (rows) of the hole at which the search got no further."""
    dead, pool = decision.dead, decision.pool
    for hole in judgement.holes:
        if hole.fillable and hole.start <= dead.tail < hole.end:
            return hole.start, NONE if hole.ragged else hole.end, list(hole.candidates)
    room = dead.limit - dead.tail if dead.limit != NONE else None
    rows = [row for row, size in zip(pool.row, pool.size, strict=True) if room is None or size <= room]
    return dead.tail, dead.limit, rows
