"""Who sent a content: from the digest of a record to the append that holds it, and its index in the batch."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fencepost.harness.history.history import History, Int64s, UInt64s

from .axis import ranges


@dataclass(frozen=True, slots=True)
class Batch:
    """A content that was sent as one batch, by each of ``rows`` (ascending, so in order of invocation)."""

    digests: tuple[int, ...]
    rows: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sent:
    """The distinct batches among some appends, and where in them a digest occurs: (batch, index)."""

    batches: list[Batch]
    places: dict[int, list[tuple[int, int]]]


def sent(history: History, rows: Int64s, digests: UInt64s) -> Sent:
    """The batches of those of the appends ``rows`` that hold any of ``digests``."""
    holders = _holders(history, rows, digests)
    offset, digest = history.appends.offset, history.appends.digest
    batches: list[Batch] = []
    numbers: dict[tuple[int, ...], int] = {}
    places: dict[int, list[tuple[int, int]]] = {}
    for row in holders.tolist():
        content = tuple(digest[offset[row] : offset[row + 1]].tolist())
        number = numbers.setdefault(content, len(batches))
        if number == len(batches):
            batches.append(Batch(content))
            for index, one in enumerate(content):
                places.setdefault(one, []).append((number, index))
        batches[number].rows.append(row)
    return Sent(batches, places)


def senders(history: History, rows: Int64s, digests: UInt64s) -> dict[int, list[tuple[int, int]]]:
    """For each digest, who of the appends ``rows`` sent it: (row, index in its batch), ascending."""
    found = sent(history, rows, digests)
    return {
        digest: sorted((row, index) for number, index in places for row in found.batches[number].rows)
        for digest, places in found.places.items()
    }


def _holders(history: History, rows: Int64s, digests: UInt64s) -> Int64s:
    if not len(rows) or not len(digests):
        return rows[:0]
    offset = history.appends.offset
    lengths = offset[rows + 1] - offset[rows]
    held = np.isin(history.appends.digest[ranges(offset[rows], lengths)], digests)
    return np.unique(np.repeat(rows, lengths)[held])
