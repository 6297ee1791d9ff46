"""What an order makes of the stream: its state at every moment, and the log at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import FOREVER, NONE, History, Int64s, Kind, Outcome, UInt64s

from .moments import Moments
from .refutation import Refuted, refute

ABSENT: Final = -2
"""Stands for a token that the history does not mention."""

LARGEST: Final = 1024 * 1024
"""Metered bytes: the most that a record can have."""


@dataclass(frozen=True, slots=True)
class States:
    """The state before each moment of the order: ``tail``, ``token`` and ``trim``.

    ``token`` is an index into the history's tokens, or ABSENT. Records below ``trim`` may be missing from answers.
    ``tails`` are all tails that there were, ascending.
    """

    tail: Int64s
    token: Int64s
    trim: Int64s
    tails: Int64s


@dataclass(frozen=True, slots=True)
class Log:
    """The records from ``start`` (where the history begins) to ``end``.

    Of each the content, the metered size, and the latest timestamp (ms) that it can have (FOREVER if nothing bounds
    it). ``before`` are digests and sizes of records below the start, as far as they were read, ``older`` the
    timestamps that are known of them, ascending.
    """

    start: int
    digest: UInt64s
    size: Int64s
    latest: Int64s
    before: dict[int, tuple[int, int]]
    older: dict[int, int]

    @property
    def end(self) -> int:
        """The tail at the end."""
        return self.start + len(self.digest)

    def sizes(self, position: Int64s) -> Int64s:
        """The metered size of the record at each position below the end: the largest that there is, if nobody knows."""
        size = np.full(len(position), LARGEST, dtype=np.int64)
        own = position >= self.start
        size[own] = self.size[position[own] - self.start]
        for i in np.flatnonzero(~own).tolist() if self.before else ():
            size[i] = self.before.get(int(position[i]), (0, LARGEST))[1]
        return size

    def bounds(self, position: Int64s) -> Int64s:
        """The latest timestamp (ms) that the record at each position below the end can have."""
        first = int(self.latest[0]) if len(self.latest) else FOREVER
        bound = np.full(len(position), first, dtype=np.int64)
        own = position >= self.start
        bound[own] = self.latest[position[own] - self.start]
        for i in np.flatnonzero(~own).tolist() if self.older else ():
            bound[i] = next((time for at, time in self.older.items() if at >= position[i]), first)
        return bound


def states(moments: Moments, token: str | None) -> States:
    """Replay the appends. The token is the first one, where the history does not know it."""
    history, order = moments.history, moments.order
    declared = history.header.streams[moments.stream]
    if declared.fencing_token is not None and token not in (None, declared.fencing_token):
        raise Refuted("the certificate begins with another token than the history")
    begins = token if declared.fencing_token is None else declared.fencing_token
    if begins is None:
        raise Refuted("the history does not know the first token, and the certificate does not tell it")
    appends = history.appends
    applies = ~moments.second & (history.kind[order] == Kind.APPEND) & (history.outcome[order] != Outcome.FAILED)
    lengths = np.where(applies, appends.offset[order + 1] - appends.offset[order], 0)
    after = declared.tail + np.cumsum(lengths)
    tail = after - lengths
    first = history.tokens.index(begins) if begins in history.tokens else ABSENT
    return States(
        tail=tail,
        token=_tokens(moments, applies, first),
        trim=_trims(moments, applies, tail, declared.tail),
        tails=np.concatenate((np.array([declared.tail]), after[applies])),
    )


def _tokens(moments: Moments, applies: NDArray[np.bool_], first: int) -> Int64s:
    """Before each moment, the token that the last fence of the last batch that fenced had set."""
    fence = np.where(applies, moments.history.appends.last_fence[moments.order], NONE)
    fences = np.flatnonzero(fence != NONE)
    if not len(fences):
        return np.full(len(fence), first, dtype=np.int64)
    values = np.concatenate((np.array([first]), fence[fences]))
    number = np.cumsum(fence != NONE) - (fence != NONE)
    return np.asarray(values[number], dtype=np.int64)


def _trims(moments: Moments, applies: NDArray[np.bool_], tail: Int64s, start: int) -> Int64s:
    trims = moments.history.appends.trims
    point = np.full(len(tail), start, dtype=np.int64)
    if not trims:
        return point
    mine = np.flatnonzero(applies & np.isin(moments.order, np.fromiter(trims, dtype=np.int64)))
    for k in mine[mine + 1 < len(point)].tolist():
        begins, asked = int(tail[k]), trims[int(moments.order[k])]
        point[k + 1] = max(min(seq_num, begins + index + 1) for index, seq_num in asked.items())
    return np.asarray(np.maximum.accumulate(point), dtype=np.int64)


def log(moments: Moments) -> Log:
    """The log at the end, with what answers tell of timestamps. Raises Refuted where they contradict each other."""
    history, appends = moments.history, moments.history.appends
    start = history.header.streams[moments.stream].tail
    applied = np.flatnonzero(moments.applied)
    in_order = moments.rows[applied[np.argsort(moments.first[applied], kind="stable")]]
    record = spans(appends.offset[in_order], appends.offset[in_order + 1] - appends.offset[in_order])
    latest, older = _latest(moments, start, len(record))
    return Log(
        start, appends.digest[record], appends.size[record].astype(np.int64), latest, _before(moments, start), older
    )


def spans(starts: Int64s, lengths: Int64s) -> Int64s:
    """All of the integers of ``[starts[i], starts[i] + lengths[i])``, one after another."""
    ends = np.cumsum(lengths)
    return np.asarray(np.repeat(starts - (ends - lengths), lengths) + np.arange(int(lengths.sum())), dtype=np.int64)


def _before(moments: Moments, start: int) -> dict[int, tuple[int, int]]:
    """What was read below the start. It is of one piece.

    Where records are unique, it is none of what this history sent, bare commands excepted.
    """
    history, reads = moments.history, moments.history.reads
    if not start:
        return {}
    rows = moments.rows[(history.kind[moments.rows] == Kind.READ) & (history.outcome[moments.rows] == Outcome.OK)]
    lengths = reads.offset[rows + 1] - reads.offset[rows]
    record, row = spans(reads.offset[rows], lengths), np.repeat(rows, lengths)
    old = np.flatnonzero(reads.seq_num[record] < start)
    sent = _sent(moments) if len(old) and history.header.unique_records else set()
    found: dict[int, tuple[int, int]] = {}
    for i in old.tolist():
        at = record[i]
        content = int(reads.digest[at]), int(reads.size[at])
        if found.setdefault(int(reads.seq_num[at]), content) != content or content[0] in sent:
            refute(history, int(row[i]), f"returned at {int(reads.seq_num[at])} what was not there before the history")
    return found


def _sent(moments: Moments) -> set[int]:
    appends = moments.history.appends
    rows = moments.rows[moments.history.kind[moments.rows] == Kind.APPEND]
    commands = {
        int(appends.offset[row]) + index for by_row in (appends.fences, appends.trims) for row in by_row
        for index in by_row[row]
    }  # fmt: skip
    records = spans(appends.offset[rows], appends.offset[rows + 1] - appends.offset[rows])
    return set(appends.digest[records[~np.isin(records, list(commands))]].tolist())


def _latest(moments: Moments, start: int, length: int) -> tuple[Int64s, dict[int, int]]:
    """Each record has one timestamp, whoever tells it, and none is below the one before."""
    history = moments.history
    position, timestamp, row = told(moments.history, moments.rows)
    known = np.full(length, NONE, dtype=np.int64)
    inside = (position >= start) & (position < start + length)
    at = position[inside] - start
    known[at] = timestamp[inside]
    differs = known[at] != timestamp[inside]
    if differs.any():
        refute(history, int(row[inside][np.argmax(differs)]), "tells another timestamp of a record than others do")
    beyond = position >= start + length
    if beyond.any():
        refute(history, int(row[np.argmax(beyond)]), "speaks of a record that the order never wrote")
    older = _older(position[~inside], timestamp[~inside])
    heights = known[known != NONE]
    heights = np.concatenate((np.array(list(older.values())[-1:], dtype=np.int64), heights))
    if (heights[1:] < heights[:-1]).any():
        raise Refuted("timestamps decrease along the stream")
    bound = np.where(known == NONE, FOREVER, known)
    return np.asarray(np.minimum.accumulate(bound[::-1])[::-1], dtype=np.int64), older


def _older(position: Int64s, timestamp: Int64s) -> dict[int, int]:
    """The timestamps of records below the start, ascending."""
    pairs = np.unique(np.column_stack((position, timestamp)), axis=0)
    if (pairs[1:, 0] == pairs[:-1, 0]).any() or (pairs[1:, 1] < pairs[:-1, 1]).any():
        raise Refuted("answers contradict each other about timestamps of records from before the history")
    return dict(pairs.tolist())


def told(history: History, rows: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    """Positions, timestamps (ms) and rows of all answers among some that tell the timestamp of a record."""
    appends, reads = history.appends, history.reads
    ok = history.outcome[rows] == Outcome.OK
    acked, read = rows[ok & (history.kind[rows] == Kind.APPEND)], rows[ok & (history.kind[rows] == Kind.READ)]
    tails = rows[history.observed_tail[rows] != NONE]
    lengths = reads.offset[read + 1] - reads.offset[read]
    record = spans(reads.offset[read], lengths)
    position = np.concatenate((
        appends.start[acked], appends.end[acked] - 1, appends.tail[acked] - 1, history.observed_tail[tails] - 1,
        reads.seq_num[record],
    ))  # fmt: skip
    timestamp = np.concatenate((
        appends.start_timestamp[acked], appends.end_timestamp[acked], appends.tail_timestamp[acked],
        history.observed_tail_timestamp[tails], reads.timestamp[record],
    ))  # fmt: skip
    row = np.concatenate((acked, acked, acked, tails, np.repeat(read, lengths)))
    speaks = (position >= 0) & (timestamp != NONE)
    return position[speaks], timestamp[speaks], row[speaks]
