"""What answers tell of timestamps: acknowledgements and tails of single records, reads of all that they return."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fencepost.harness.history.history import NONE, Int64s

from .chain import Chain


@dataclass(frozen=True, slots=True)
class Claims:
    """Answers of ``row`` that tell the ``timestamp`` (ms) of the record at ``position``."""

    row: Int64s
    position: Int64s
    timestamp: Int64s


def claims(chain: Chain) -> Claims:
    """All of them; that of an empty stream's tail says nothing."""
    history, rows, acked = chain.stream.history, chain.stream.rows, chain.stream.acked
    appends, source = history.appends, chain.source
    tails = rows[history.observed_tail[rows] != NONE]
    row = np.concatenate((source.read_row, acked, acked, acked, tails))
    position = np.concatenate(
        (
            source.read_position,
            appends.start[acked],
            appends.end[acked] - 1,
            appends.tail[acked] - 1,
            history.observed_tail[tails] - 1,
        )
    )
    timestamp = np.concatenate(
        (
            history.reads.timestamp[source.read_record],
            appends.start_timestamp[acked],
            appends.end_timestamp[acked],
            appends.tail_timestamp[acked],
            history.observed_tail_timestamp[tails],
        )
    )
    told = (position >= 0) & (timestamp != NONE)
    return Claims(row[told], position[told], timestamp[told])


def complete(chain: Chain, told: Claims) -> None:
    """Enter into the contents what only tails tell."""
    held = chain.contents
    at, inside = held.axis.find(told.position)
    if held.axis.size:
        new = inside & (held.timestamp[at] == NONE)
        held.timestamp[at[new]] = told.timestamp[new]
