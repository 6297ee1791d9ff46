"""Which appends took effect, and where: what acknowledgements say, and what reads show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fencepost.harness.history.history import NONE, Int64s

from ..kernel import spec
from ..kernel.columns import Mask, Requirements
from ..kernel.facts import sighted


@dataclass(frozen=True, slots=True)
class Known:
    """What is known for certain.

    ``start`` is where each append (by moment) took effect, NONE where that is unknown or it did not. All positions
    from the base up to ``end`` were appended; ``covered`` tells (from the base on) which of them these appends explain.
    ``seen`` maps others to the digest that a read returned.
    """

    start: Int64s
    end: int
    covered: Mask
    seen: dict[int, int]


def known(asked: Requirements) -> Known | None:
    """What is known, or None where that is not of one piece."""
    columns, records, base = asked.asked, asked.records, asked.tail
    length = np.where(columns.ask == spec.APPEND, columns.high - columns.low, 0)
    acked = np.flatnonzero((columns.ask == spec.APPEND) & (columns.optional == 0))
    start = np.full(len(asked), NONE, dtype=np.int64)
    start[acked] = columns.at[acked]
    ends = start[acked] + length[acked]
    reported = np.concatenate((columns.at[(columns.ask != spec.APPEND)], columns.told[columns.ask == spec.PART]))
    seen = int(records.seq_num.max(initial=NONE)) + 1
    end = max(base, int(ends.max(initial=0)), int(reported.max(initial=0)), seen)
    if end > base + int(length.sum()) or (start[acked] < base).any():
        return None
    covered = _covered(start[acked], ends, base, end)
    if covered is None:
        return None
    found = Known(start, end, covered, {})
    if covered.all() or not len(records.seq_num):
        return found
    at = records.seq_num - base if base else records.seq_num
    new = np.flatnonzero(~covered.take(at, mode="clip") & (at >= 0))
    if not len(new):
        return found
    position, first = np.unique(records.seq_num[new], return_index=True)
    return _sighted(asked, found, length, position, records.digest[new[first]])


def _covered(start: Int64s, end: Int64s, base: int, upto: int) -> Mask | None:
    """Which positions from the base on the batches hold; None if two hold one."""
    change = np.zeros(upto - base + 1, dtype=np.int64)
    np.add.at(change, start - base, 1)
    np.add.at(change, end - base, -1)
    number = np.cumsum(change)[:-1]
    return None if (number > 1).any() else number > 0


def _sighted(asked: Requirements, found: Known, length: Int64s, position: Int64s, digest: Int64s) -> Known:
    """With the appends of which a record was read that no other of unknown outcome holds."""
    columns, base = asked.asked, asked.tail
    optional = np.flatnonzero((columns.ask == spec.APPEND) & (columns.optional == 1))
    moment, start, _ = sighted(asked, optional, position, digest)
    there = (start >= base) & (start + length[moment] <= base + int(length.sum()))
    moment, start = moment[there], start[there]
    upto = max(found.end, int((start + length[moment]).max(initial=0)))
    covered = np.concatenate((found.covered, np.zeros(upto - found.end, dtype=np.bool_)))
    more = _covered(start, start + length[moment], base, upto)
    if more is None or (more & covered).any():
        return Known(found.start, found.end, found.covered, dict(zip(position.tolist(), digest.tolist(), strict=True)))
    covered |= more
    found.start[moment] = start
    left = ~covered[position - base]
    return Known(found.start, upto, covered, dict(zip(position[left].tolist(), digest[left].tolist(), strict=True)))
