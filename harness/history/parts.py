"""Follows answers that come in parts: where the next part starts, and how much of its read's bounds is left."""

from __future__ import annotations

from typing import Any

import numpy as np

from .history import NONE, Int64s
from .tables import FOLLOWING


def bound(reads: dict[str, Any], frames: Int64s, of: Int64s) -> None:
    """Give each frame the parameters of the part that it is, and its read those of the rest, in place.

    ``reads`` holds the columns of :class:`.history.Reads`; the rows of reads that have frames still hold the parameters
    that were sent. ``frames`` are rows, those of one read in the order of the answer, and ``of`` the row of each one's
    read; both have shape (n,). A frame may end anywhere, so it follows the tail.
    """
    order = np.argsort(of, kind="stable")
    frames, of = frames[order], of[order]
    first = np.flatnonzero(np.concatenate(([True], of[1:] != of[:-1])))
    group = np.cumsum(np.concatenate(([True], of[1:] != of[:-1]))) - 1
    offset, last = reads["offset"], np.concatenate((first[1:], [len(of)])) - 1
    records = offset[frames + 1] - offset[frames]
    sizes = np.concatenate(([0], np.cumsum(reads["size"], dtype=np.int64)))
    size = sizes[offset[frames + 1]] - sizes[offset[frames]]
    # The end of the last record up to each frame: that of the last frame with records, if its read has one before.
    nonempty = np.maximum.accumulate(np.where(records > 0, np.arange(len(of)), NONE))
    known = nonempty >= first[group]
    end = np.full(len(of), NONE, dtype=np.int64)
    end[known] = reads["seq_num"][offset[frames[nonempty[known]] + 1] - 1] + 1
    after = np.concatenate(([NONE], end[:-1]))
    after[first] = NONE
    used_records, used_size = (np.cumsum(used) - (np.cumsum(used) - used)[first][group] for used in (records, size))
    reading = of[first]
    rest = _rest(reads, reading, end[last], used_records[last], used_size[last])
    part = _rest(reads, of, after, used_records - records, used_size - size)
    part["wait"] = np.where(part["wait"] > 0, part["wait"], FOLLOWING)
    for rows, values in ((reading, rest), (frames, part)):
        for name, column in values.items():
            reads[name] = np.require(reads[name], requirements="W")
            reads[name][rows] = column


def _rest(reads: dict[str, Any], rows: Int64s, after: Int64s, records: Int64s, size: Int64s) -> dict[str, Any]:
    """Return the parameters of what is left of an answer once so many records, of that size, have come."""
    begun = after != NONE
    found = {name: reads[name][rows] for name in ("from_timestamp", "tail_offset", "clamp", "until", "wait")}
    found["from_seq_num"] = np.where(begun, after, reads["from_seq_num"][rows])
    for name in ("from_timestamp", "tail_offset"):
        found[name] = np.where(begun, NONE, found[name])
    found["clamp"] = found["clamp"] & ~begun
    for name, used in (("count", records), ("bytes", size)):
        given = reads[name][rows]
        found[name] = np.where(given == NONE, NONE, np.maximum(given - used, 0))
    return found
