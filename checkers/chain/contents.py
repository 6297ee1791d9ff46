"""What every position of a stream holds, from two kinds of source: acknowledgements and reads.

An acknowledged append tells the content of its positions by what was sent; a read tells it by what came back.
Where they disagree the latest read is believed, since it is the stream itself that speaks there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.chain_hash import fold
from fencepost.harness.history.history import NONE, Int64s, UInt64s

from .axis import Axis, ranges
from .stream import Stream


@dataclass(frozen=True, slots=True)
class Sources:
    """The records of acknowledged appends and of reads, flat.

    ``acked`` are the rows whose acknowledgement is possible by itself (of the right length, not below the
    initial tail), ``impossible`` the others. ``acked_record`` and ``read_record`` index the record columns of
    ``history.appends`` and ``history.reads``; the ``_row`` arrays give the row of each, ``_position`` where it
    is said to stand.
    """

    acked: Int64s
    impossible: Int64s
    acked_record: Int64s
    acked_row: Int64s
    acked_position: Int64s
    read_record: Int64s
    read_row: Int64s
    read_position: Int64s


def sources(stream: Stream) -> Sources:
    """The flat records of a stream."""
    appends, reads = stream.history.appends, stream.history.reads
    rows = stream.acked
    lengths = appends.offset[rows + 1] - appends.offset[rows]
    start = appends.start[rows]
    possible = (appends.end[rows] - start == lengths) & (lengths > 0) & (start >= stream.tail)
    acked, lengths, start = rows[possible], lengths[possible], start[possible]
    read_lengths = reads.offset[stream.reads + 1] - reads.offset[stream.reads]
    read_record = ranges(reads.offset[stream.reads], read_lengths)
    return Sources(
        acked=acked,
        impossible=rows[~possible],
        acked_record=ranges(appends.offset[acked], lengths),
        acked_row=np.repeat(acked, lengths),
        acked_position=ranges(start, lengths),
        read_record=read_record,
        read_row=np.repeat(stream.reads, read_lengths),
        read_position=reads.seq_num[read_record],
    )


@dataclass(frozen=True, slots=True)
class Contents:
    """What stands where, by index on ``axis``.

    ``digest`` and ``size`` (metered bytes) are of the content, ``timestamp`` is in ms (NONE where no source
    tells it), ``owner`` is the row of the append that put it there (NONE where that is not known yet),
    ``seen`` tells that a read returned it. ``read_at`` is the index of each read record.
    """

    axis: Axis
    digest: UInt64s
    size: Int64s
    timestamp: Int64s
    owner: Int64s
    seen: NDArray[np.bool_]
    read_at: Int64s
    acked_at: Int64s


def contents(stream: Stream, source: Sources) -> Contents:
    """Believe acknowledgements in the order of their rows, then reads in the order of theirs."""
    appends, reads = stream.history.appends, stream.history.reads
    run_starts, run_ends = _runs(source)
    axis = Axis(
        np.concatenate((appends.start[source.acked], run_starts)),
        np.concatenate((appends.end[source.acked], run_ends)),
    )
    digest = np.zeros(axis.size, dtype=np.uint64)
    size = np.zeros(axis.size, dtype=np.int64)
    timestamp = np.full(axis.size, NONE, dtype=np.int64)
    owner = np.full(axis.size, NONE, dtype=np.int64)
    seen = np.zeros(axis.size, dtype=np.bool_)
    acked_at, read_at = axis.index(source.acked_position), axis.index(source.read_position)
    acked_digest = appends.digest[source.acked_record]
    digest[acked_at] = acked_digest
    size[acked_at] = appends.size[source.acked_record]
    # A batch's first and last timestamps are in its acknowledgement; a read tells them all.
    timestamp[axis.index(appends.start[source.acked])] = appends.start_timestamp[source.acked]
    timestamp[axis.index(appends.end[source.acked] - 1)] = appends.end_timestamp[source.acked]
    digest[read_at] = reads.digest[source.read_record]
    size[read_at] = reads.size[source.read_record]
    timestamp[read_at] = reads.timestamp[source.read_record]
    seen[read_at] = True
    agree = digest[acked_at] == acked_digest
    if agree.all():
        owner[acked_at] = source.acked_row
    else:
        owner[acked_at[agree]] = source.acked_row[agree]
    return Contents(axis, digest, size, timestamp, owner, seen, read_at, acked_at)


def _runs(source: Sources) -> tuple[Int64s, Int64s]:
    """Starts and ends of the runs of consecutive seq_nums in the answers of reads."""
    positions = source.read_position
    if not len(positions):
        return positions, positions
    breaks = np.flatnonzero(positions[1:] != positions[:-1] + 1) + 1
    first = np.concatenate(([0], breaks))
    last = np.concatenate((breaks - 1, [len(positions) - 1]))
    return positions[first], positions[last] + 1


def extended(stream: Stream, held: Contents, rows: Int64s, starts: Int64s) -> Contents:
    """The same, with the records of appends that were seen in part only: row ``rows[i]`` begins at ``starts[i]``."""
    appends = stream.history.appends
    lengths = appends.offset[rows + 1] - appends.offset[rows]
    position, owner = ranges(starts, lengths), np.repeat(rows, lengths)
    record = ranges(appends.offset[rows], lengths)
    new = ~held.axis.find(position)[1]
    if not new.any():
        return held
    axis = Axis(np.concatenate((held.axis.starts, position[new])), np.concatenate((held.axis.ends, position[new] + 1)))
    moved = axis.index(held.axis.positions(np.arange(held.axis.size)))
    at = axis.index(position[new])
    larger = Contents(
        axis=axis,
        digest=np.zeros(axis.size, dtype=np.uint64),
        size=np.zeros(axis.size, dtype=np.int64),
        timestamp=np.full(axis.size, NONE, dtype=np.int64),
        owner=np.full(axis.size, NONE, dtype=np.int64),
        seen=np.zeros(axis.size, dtype=np.bool_),
        read_at=moved[held.read_at],
        acked_at=moved[held.acked_at],
    )
    larger.digest[moved], larger.digest[at] = held.digest, appends.digest[record[new]]
    larger.size[moved], larger.size[at] = held.size, appends.size[record[new]]
    larger.owner[moved], larger.owner[at] = held.owner, owner[new]
    larger.timestamp[moved], larger.seen[moved] = held.timestamp, held.seen
    return larger


def hash_before(stream: Stream, held: Contents) -> int | None:
    """The chained hash of what was there before the history; None if not all of it was read."""
    at, inside = held.axis.find(np.arange(stream.tail))
    if not (inside.all() and held.seen[at].all()):
        return None
    return fold(held.digest[at].tolist())
