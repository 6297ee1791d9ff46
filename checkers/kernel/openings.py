"""What a history leaves open of the beginning of a stream: the first token, and timestamps that nobody reported.

Without another word such a timestamp is the latest that it can be (:func:`.log.begin`). An earlier one serves reads
that start by timestamp, since they pass over what is of before the time that they ask for. Later ones serve reads that
ended at ``until``, and reads that start by timestamp and returned nothing. Where there are none of these, the earliest
serve everything; else each position up to which a stretch may be of before that time is tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE, Int64s

from . import spec
from .columns import Requirements
from .log import ANOTHER, number, reported, starts

Cap = tuple[int, int]
"""A position, and the latest timestamp (ms) up to there, as in :attr:`.accept.Order.latest`."""


Opening = tuple[int, tuple[Cap, ...]]
"""The first token, and what bounds timestamps."""


def openings(asked: Requirements, rows: Int64s) -> Iterator[Opening]:
    """Each first token, with each choice of caps, that has to be tried of a stream whose rows are ``rows``."""
    tokens, history = asked.asked.token, asked.history
    declared = history.header.streams[asked.stream].fencing_token
    if declared is None:
        told = asked.asked.told[asked.asked.ask == spec.TOKEN_REFUSED]
        named = np.unique(np.concatenate((tokens, told))).tolist()
        first = [*(token for token in named if token != NONE), ANOTHER]
    else:
        first = [number(history, declared)]
    for caps in product(*_choices(asked, rows)):
        for token in first:
            yield token, tuple(cap for cap in caps if cap is not None)


def _choices(asked: Requirements, rows: Int64s) -> Iterator[list[Cap | None]]:
    """For each stretch that nobody reported, and each time within it that a read asked for, the caps to be tried."""
    columns, base = asked.asked, asked.tail
    by_time = (columns.since != NONE) & (columns.after == NONE)
    if not by_time.any():
        return
    told = by_time & (columns.low == columns.high) | (columns.until != NONE)
    is_late = bool((told & (columns.ask == spec.END)).any())
    begins, (position, stamp, _) = starts(asked).tolist(), reported(asked, rows)
    stamps = {NONE: 0, **dict(zip(position.tolist(), stamp.tolist(), strict=True))}
    stamps[base + len(asked.records.sent)] = FOREVER
    for before, high in pairwise(sorted(stamps)):
        low = before + 1
        for since in np.unique(columns.since[by_time]).tolist():
            if low < high and stamps[before] < since <= stamps[high]:
                cuts = {high}
                if is_late:
                    cuts |= {low, *range(max(low, base), high), *(at for at in begins if low < at < high)}
                yield [(cut - 1, since - 1) if cut > low else None for cut in sorted(cuts, reverse=True)]
