"""Whether reads were answered rightly: with what the log holds, from where they began, and ended for a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import FOREVER, NONE, Int64s, Kind, Outcome

from .answers import starts
from .log import Log, States, spans
from .moments import Moments
from .refutation import refute, require

RECORDS: Final = 1000
"""The most records in the answer to a unary read."""

BYTES: Final = 1024 * 1024
"""The most metered bytes in the answer to a unary read."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Answered reads, rows ascending, each with the state at the moment of its end.

    ``tail`` and ``trim`` are that state; ``begun`` is the tail at the moment of its beginning. ``begins`` is where it
    began, NONE where a timestamp decides. ``count``
    records were returned, the flat indices of all of them in ``record``; ``first`` and ``after`` are the first seq_num
    and the one after the last (meaningless where ``count`` is 0).
    """

    rows: Int64s
    tail: Int64s
    trim: Int64s
    begun: Int64s
    begins: Int64s
    waits: NDArray[np.bool_]
    count: Int64s
    record: Int64s
    first: Int64s
    after: Int64s


def answers(moments: Moments, states: States) -> Answers:
    """The reads that were answered with records, or with none."""
    history, reads = moments.history, moments.history.reads
    chosen = (history.outcome[moments.rows] == Outcome.OK) & (history.kind[moments.rows] == Kind.READ)
    chosen &= ~reads.hashed[moments.rows]
    rows = moments.rows[chosen]
    count = reads.offset[rows + 1] - reads.offset[rows]
    begun = states.tail[moments.first[chosen]]
    begins = starts(moments, rows, begun)
    filled, first, after = count > 0, np.full(len(rows), NONE, dtype=np.int64), np.full(len(rows), NONE, dtype=np.int64)
    first[filled] = reads.seq_num[reads.offset[rows[filled]]]
    after[filled] = reads.seq_num[reads.offset[rows[filled] + 1] - 1] + 1
    return Answers(
        rows=rows,
        tail=states.tail[moments.last[chosen]],
        trim=states.trim[moments.last[chosen]],
        begun=begun,
        begins=np.where(reads.from_timestamp[rows] == NONE, begins, NONE),
        waits=reads.wait[rows] > 0,
        count=count,
        record=spans(reads.offset[rows], count),
        first=first,
        after=after,
    )


def check(moments: Moments, states: States, log: Log) -> Answers:
    """Raises Refuted where an answer is not what the log and the state ask for; else what was answered."""
    found = answers(moments, states)
    history = moments.history
    known = found.begins != NONE
    may_be_at = found.waits | _continued(moments, found)
    late = np.where(may_be_at, found.begins > found.tail, found.begins >= found.begun)
    late |= _bounded(moments, found) & (found.begins >= found.begun)
    require(history, found.rows, ~known | ~late, "was answered, although it began at the tail or beyond it")
    _contents(moments, found, log)
    _gaps(moments, found)
    plain = ~found.waits & ~(~known & (found.count == 0))
    _ends(moments, found, plain, log)
    _followed(moments, found, states)
    return found


def _continued(moments: Moments, found: Answers) -> NDArray[np.bool_]:
    """Which are the end of an answer that had returned something before: at the tail it ends, and is not refused."""
    part_of = moments.history.part_of[found.rows]
    return np.isin(found.rows, part_of[(part_of != NONE) & (found.count > 0)])


def _bounded(moments: Moments, found: Answers) -> NDArray[np.bool_]:
    """Which are the first parts of answers that began by the tail, to reads that were not to follow it.

    A part by itself may end anywhere, as if it had waited. But at the tail such a read had been refused at once.
    """
    history, reads = moments.history, moments.history.reads
    read, first = np.unique(history.part_of[found.rows], return_index=True)
    first = first[(read != NONE) & (reads.wait[read] <= 0)]
    bounded = np.zeros(len(found.rows), dtype=np.bool_)
    bounded[first] = (reads.from_seq_num[found.rows[first]] == NONE) | reads.clamp[found.rows[first]]
    return bounded


def _contents(moments: Moments, found: Answers, log: Log) -> None:
    """The records are the log's. (That sizes and timestamps agree is for whoever compares answers among themselves.)"""
    history, reads = moments.history, moments.history.reads
    filled = found.count > 0
    require(history, found.rows, ~filled | (found.after <= found.tail), "returned a record that was not there yet")
    position = reads.seq_num[found.record] - log.start
    if len(position) and position.min() < 0:  # below the start contents were compared with each other
        kept = position >= 0
        same = np.ones(len(position), dtype=np.bool_)
        inside = kept & (position < len(log.digest))
        same[kept] = False
        same[inside] = log.digest[position[inside]] == reads.digest[found.record[inside]]
    else:
        inside = position < len(log.digest)
        same = inside & (log.digest[np.where(inside, position, 0)] == reads.digest[found.record])
    if not same.all():
        wrong = int(np.argmin(same))
        row = int(np.repeat(found.rows, found.count)[wrong])
        refute(history, row, f"returned at {int(position[wrong]) + log.start} another record than the order put there")
    earliest = np.where(found.waits & reads.clamp[found.rows], NONE, reads.from_timestamp[found.rows])
    begun = np.flatnonzero(filled & (earliest != NONE))
    stamp = reads.timestamp[reads.offset[found.rows[begun]]]
    # Timestamps never decrease along the stream: the first is the least.
    require(history, found.rows[begun], stamp >= earliest[begun], "returned a record from before the time it asked for")


def _gaps(moments: Moments, found: Answers) -> None:
    """The seq_nums ascend, and what is left out lies below the trim point."""
    history, seq_num = moments.history, moments.history.reads.seq_num
    led = np.flatnonzero((found.begins != NONE) & (found.count > 0))
    first, begins = found.first[led], found.begins[led]
    require(history, found.rows[led], first >= begins, "returned a record from before where it began")
    hidden = (first == begins) | (first <= found.trim[led])
    require(history, found.rows[led], hidden, "left out a record at its start that cannot have been trimmed")
    if len(found.record) < 2:
        return
    step = np.diff(seq_num[found.record])
    ends = np.cumsum(found.count)
    step[ends[(ends > 0) & (ends < len(found.record))] - 1] = 1
    odd = np.flatnonzero(step != 1)
    if not len(odd):
        return
    at = np.repeat(np.arange(len(found.rows)), found.count)[odd]
    require(history, found.rows[at], step[odd] > 0, "returned a record again, or went back")
    after = seq_num[found.record[odd + 1]]
    require(history, found.rows[at], after <= found.trim[at], "left out a record that cannot have been trimmed")


def _ends(moments: Moments, found: Answers, plain: NDArray[np.bool_], log: Log) -> None:
    """Nothing after the last record would have fitted, or all of it may have been trimmed, or the tail was reached."""
    after = np.where(found.count > 0, found.after, found.begins)
    beyond = np.maximum(after, found.trim)
    stopped = ~plain | (beyond >= found.tail)
    open_ = np.flatnonzero(~stopped)
    if not len(open_):
        return
    rows, after, beyond = found.rows[open_], after[open_], beyond[open_]
    places, room, until = _bounds(moments, found, open_, log)
    full = (places <= 0) | (log.sizes(after) > room) | ((until != NONE) & (log.bounds(after) >= until))
    for i in np.flatnonzero(~full & (beyond > after)).tolist():
        hidden = np.arange(after[i] + 1, beyond[i] + 1)  # beyond the last that may be gone there is one that is not
        fits = log.sizes(hidden) <= room[i]
        if until[i] != NONE:
            fits &= log.bounds(hidden) < until[i]
        full[i] = not fits.all()
    require(moments.history, rows, full, "ended without a reason: the next record was there, and would have fitted")


def _bounds(moments: Moments, found: Answers, chosen: Int64s, log: Log) -> tuple[Int64s, Int64s, Int64s]:
    """Records and metered bytes that would still have fitted into some answers, and their ``until`` (ms, NONE if none).

    Only unary reads have implicit bounds. What an answer returned in parts before counts for those too.
    """
    reads, history = moments.history.reads, moments.history
    rows, count = found.rows[chosen], found.count[chosen]
    size = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(reads.size[found.record], dtype=np.int64)))
    ends = np.cumsum(found.count)
    used = size[ends] - size[ends - found.count]
    records, metered = np.full(len(rows), RECORDS, dtype=np.int64), np.full(len(rows), BYTES, dtype=np.int64)
    part_of = history.part_of[found.rows]
    for part in np.flatnonzero(part_of != NONE).tolist():
        whole = rows == part_of[part]
        records[whole] -= found.count[part]
        metered[whole] -= used[part]
    session = history.session[rows] != NONE
    records[session] = metered[session] = FOREVER
    return (
        np.minimum(_given(reads.count[rows]), records) - count,
        np.minimum(_given(reads.bytes[rows]), metered) - used[chosen],
        reads.until[rows],
    )


def _given(bound: Int64s) -> Int64s:
    return np.where(bound == NONE, FOREVER, bound)


def _followed(moments: Moments, found: Answers, states: States) -> None:
    """The tail in an answer that followed may lag, but it was one, and it is past what the answer holds."""
    history, reads = moments.history, moments.history.reads
    some = np.flatnonzero(found.waits & (reads.tail[found.rows] != NONE))
    rows, tail = found.rows[some], reads.tail[found.rows[some]]
    require(history, rows, tail <= found.tail[some], "tells a tail that was not there yet")
    require(
        history, rows, (found.count[some] == 0) | (found.after[some] <= tail), "tells a tail below what it returned"
    )
    at = np.minimum(np.searchsorted(states.tails, tail), len(states.tails) - 1)
    there = (tail <= states.tails[0]) | (states.tails[at] == tail)
    require(history, rows, there, "tells a tail inside a batch")
