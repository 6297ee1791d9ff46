"""What a search leaves open that was given up: the holes, who may have filled them, and what would settle it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from fencepost.harness.history.history import NONE, Int64s

from ..explanation.sentences import Narrator
from ..kernel.columns import Requirements
from ..kernel.facts import certain
from .decide import Decision
from .tightest import tightest

MOST: Final = 10
"""Candidates that are named."""


def reason(asked: Requirements, rows: Int64s, decision: Decision) -> str:
    """Why a stream, whose rows are ``rows``, is undecided, in a sentence."""
    found = tightest(asked, rows, decision.furthest) if decision.furthest is not None else None
    tight = "" if found is None else f"{Narrator(asked.history).text(found.said)}; "
    ids, name = asked.history.id, asked.history.header.streams[asked.stream].name
    opened = list(_holes(asked))
    if opened:
        start, end, some = next((one for one in opened if one[1] > decision.tail), opened[0])
        place = f"position {start}" if end == start + 1 else f"positions {start} to {end - 1}"
        what, settles = f"who wrote {place}", f"a read of {place}"
    else:
        what, settles = "which appends of unknown outcome were applied", "a read of the whole stream"
        some = asked.asked.row[asked.asked.optional > 0].tolist()
    candidates = ", ".join(f"#{int(ids[row])}" for row in some[:MOST]) or "none"
    more = "" if len(some) <= MOST else f" and {len(some) - MOST:,} more"
    return (
        f"stream {name}: {what} was not found: {decision.reason}; {tight}"
        f"candidates, all of unknown outcome: {candidates}{more}; {settles} would settle it"
    )


def _holes(asked: Requirements) -> Iterator[tuple[int, int, list[int]]]:
    """The stretches of positions of which nobody knows who wrote them, and the rows of appends that may have."""
    columns, facts = asked.asked, certain(asked)
    free = facts.free[columns.high[facts.free] > columns.low[facts.free]]
    size, match = columns.high[free] - columns.low[free], columns.match[free]
    for low, high in facts.holes(asked):
        least = np.maximum(low, match)
        fits = ((match == NONE) | (match == least)) & (least + size <= high)
        unread = (facts.seen[low - asked.tail : high - asked.tail] == NONE).any()
        if fits.any() and unread:
            yield low, high, columns.row[free[fits]].tolist()
