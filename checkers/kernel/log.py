"""The log of a stream before its first moment, and what answers say of it against each other.

Which timestamp each position has, and what was there before the history, does not depend on any order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import numpy as np

from fencepost.harness.history.chain_hash import EMPTY, signed_link
from fencepost.harness.history.history import APPEND, FOREVER, NONE, OK, History, Int64s
from fencepost.harness.s2.limits import MAX_BATCH_BYTES

from . import spec
from .columns import Mask, Requirements, once, spans
from .contradiction import Refuted, refute

MOST: Final = 100_000
"""Starts relative to the tail that are kept apart."""

ANOTHER: Final = -2
"""Stands for a token that the history does not mention."""

_NOTHING: Final = np.zeros(0, dtype=np.int64)
_SILENCE: Final = _NOTHING, _NOTHING, _NOTHING


def number(history: History, token: str) -> int:
    """The number by which moments name a token."""
    return history.tokens.index(token) if token in history.tokens else ANOTHER


def begin(
    asked: Requirements, rows: Int64s, records: int, token: int, latest: Sequence[tuple[int, int]] = ()
) -> tuple[spec.Log, Int64s]:
    """The log with room for ``records`` more, and the state before the first moment.

    ``token`` is the one in force. ``latest`` are positions with a timestamp (ms): a record at or below it whose own
    nobody reported has no later one. Without, it has the latest that it can have. Raises Refuted where answers
    contradict each other, or ``latest``.
    """
    base, history = asked.tail, asked.history
    if any(at < 0 or time < 0 for at, time in latest):
        raise Refuted("the order bounds a timestamp where there is none, or by less than 0 ms")
    lower, digest, size = _before(asked, rows)
    if latest and base:
        lower, digest, size = _apart(lower, digest, size, base, [at for at, _ in latest])
    slots = len(lower) + records
    log = spec.Log(
        base=np.array([base, int(history.header.retention_ms is not None)]),
        lower=lower,
        digest=np.concatenate((digest, np.zeros(records, dtype=np.int64))),
        known=np.concatenate((size != NONE, np.zeros(records, dtype=np.bool_))).astype(np.int64),
        size=np.concatenate((np.where(size == NONE, MAX_BATCH_BYTES, size), np.zeros(records, dtype=np.int64))),
        stamp=_stamps(asked, rows, lower, slots, latest),
        present=np.arange(slots + 1),
        boundary=np.zeros(records + 1, dtype=np.int64),
        begun=np.full(len(asked), NONE, dtype=np.int64),
    )
    state = np.zeros(spec.STATE, dtype=np.int64)
    state[spec.AT], state[spec.FLOOR], state[spec.IN_FORCE] = base, base, token
    state[spec.HASHED], state[spec.HASH] = _hash(log, base)
    return log, state


_Reports: TypeAlias = tuple[Int64s, Int64s, Int64s]
"""Positions, timestamps (ms), and the rows of the answers that told them."""


def reported(asked: Requirements, rows: Int64s) -> _Reports:
    """Positions and timestamps (ms) that answers tell of records, and the rows of these answers."""
    told = _told(asked, rows)
    position, stamp, row = (np.concatenate(column) for column in zip(_SILENCE, *told, strict=True))
    return position, stamp, row


@once
def _told(asked: Requirements, rows: Int64s) -> list[_Reports]:
    """The same, as one triple for each kind of answer: put together, they would take as much memory again."""
    if not _is_timed(asked.history):
        return []
    found = []
    for position, stamp, row in _reports(asked, rows):
        speaks = (position >= 0) & (stamp != NONE)
        found.append((position, stamp, row) if speaks.all() else (position[speaks], stamp[speaks], row[speaks]))
    return found


def _reports(asked: Requirements, rows: Int64s) -> Iterator[_Reports]:
    """The same triples, with NONE where an answer told no timestamp."""
    history, records = asked.history, asked.records
    appends = history.appends
    acked = rows[(history.outcome[rows] == OK) & (history.kind[rows] == APPEND)]
    tails = rows[history.observed_tail[rows] != NONE]
    if len(acked):
        yield appends.start[acked], appends.start_timestamp[acked], acked
        yield appends.end[acked] - 1, appends.end_timestamp[acked], acked
        yield appends.tail[acked] - 1, appends.tail_timestamp[acked], acked
    if len(tails):
        yield history.observed_tail[tails] - 1, history.observed_tail_timestamp[tails], tails
    record, row = _returned(asked, rows)
    yield records.seq_num[record], records.timestamp[record], row


def _returned(asked: Requirements, rows: Int64s) -> tuple[slice | Mask, Int64s]:
    """The records that answers hold, as an index of the returned ones, and the row of each of these answers."""
    history = asked.history
    number = history.reads.offset[rows + 1] - history.reads.offset[rows]
    row, answered = np.repeat(rows, number), history.outcome[rows] == OK
    if answered[number > 0].all():
        return slice(None), row
    every = np.repeat(answered, number)
    return every, row[every]


@once
def starts(asked: Requirements) -> Int64s:
    """Positions before the history at which reads start: from there on, and not before, an answer tells what is gone.

    Of reads that start relative to the tail these are all that a tail can lead to.
    """
    columns, base = asked.asked, asked.tail
    relative = (columns.ask >= spec.OUT_OF_RANGE) & (columns.ask <= spec.END) & (columns.start == NONE)
    offsets = np.unique(columns.offset[relative & (columns.since == NONE) & (columns.offset > 0)])
    low = np.maximum(base - offsets, 0)
    lengths = np.maximum(np.minimum(base, base - offsets + len(asked.records.sent) + 1) - low, 0)
    if int(lengths.sum()) > MOST:
        lengths = np.minimum(lengths, MOST // len(offsets))
    found = np.concatenate((columns.start, columns.after, spans(low, lengths)))
    return np.unique(found[(found >= 0) & (found < base)])


@once
def _before(asked: Requirements, rows: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    """The slots of what was there before the history: first position, digest and size (NONE where nobody knows them).

    What was read there is of one piece. Where records are unique, it is none of what this history sent, bare commands
    excepted.
    """
    history, base = asked.history, asked.tail
    if not base:
        return _SILENCE
    record, row = _returned(asked, rows)
    at, digest, size = (column[record] for column in (asked.records.seq_num, asked.records.digest, asked.records.size))
    old = at < base
    at, digest, size, row = at[old], digest[old], size[old], row[old]
    named = np.concatenate((at, reported(asked, rows)[0], starts(asked)))
    lower = _split(np.zeros(1, dtype=np.int64), named, base)
    found, sizes = np.zeros(len(lower), dtype=np.int64), np.full(len(lower), NONE, dtype=np.int64)
    at = lower.searchsorted(at)
    found[at], sizes[at] = digest, size
    wrong = (found[at] != digest) | (sizes[at] != size)
    if history.header.unique_records and len(row):
        wrong |= np.isin(digest, _sent(asked, rows))
    if wrong.any():
        refute(history, int(row[np.argmax(wrong)]), "returned what was not there before the history")
    return lower, found, sizes


def _apart(
    lower: Int64s, digest: Int64s, size: Int64s, base: int, positions: Sequence[int]
) -> tuple[Int64s, Int64s, Int64s]:
    """The same slots, but each of these positions has one of its own."""
    finer = _split(lower, np.array(positions, dtype=np.int64), base)
    slot = lower.searchsorted(finer, side="right") - 1
    return finer, digest[slot], size[slot]


def _split(lower: Int64s, named: Int64s, base: int) -> Int64s:
    """The first positions of slots such that each named position below the first tail has a slot of its own."""
    lower = np.unique(np.concatenate((lower, named, named + 1)))
    return lower[lower < base]


def _sent(asked: Requirements, rows: Int64s) -> Int64s:
    """The digests of all records of the stream that were sent and are no commands."""
    appends = asked.history.appends
    mine = rows[asked.history.kind[rows] == APPEND]
    commands = [
        int(appends.offset[row]) + index
        for by_row in (appends.fences, appends.trims)
        for row, indices in by_row.items()
        for index in indices
    ]
    record = spans(appends.offset[mine], appends.offset[mine + 1] - appends.offset[mine])
    record = record[~np.isin(record, np.array(commands, dtype=np.int64))]
    return appends.digest[record].view(np.int64)


def _stamps(asked: Requirements, rows: Int64s, lower: Int64s, slots: int, latest: Sequence[tuple[int, int]]) -> Int64s:
    """The timestamp of each slot (ms): as reported, and elsewhere the latest that fits."""
    found = np.full(slots, FOREVER, dtype=np.int64)
    upto = asked.tail + slots - len(lower)  # whoever speaks of a record beyond is wrong by that
    told = []
    for position, stamp, row in _told(asked, rows):
        if position.max(initial=NONE) >= upto:
            mine = position < upto
            position, stamp, row = position[mine], stamp[mine], row[mine]
        at = slots_of(position, lower, asked.tail)
        found[at] = stamp
        told.append((at, stamp, row))
    for where, time in latest:
        if where < upto:
            one = int(slots_of(np.array([where]), lower, asked.tail)[0])
            found[one] = min(int(found[one]), time)
    if told or latest:
        np.minimum.accumulate(found[::-1], out=found[::-1])
    others = [row for at, stamp, rows in told for row in rows[found[at] != stamp].tolist()]
    if others:
        why = "tells a timestamp that contradicts what others tell: each record has one, and they never decrease"
        refute(asked.history, others[0], why, more=others)
    return found


def _is_timed(history: History) -> bool:
    """Whether anything tells a timestamp. A column that says nothing may repeat one value, which is quickly seen."""
    appends, reads = history.appends, history.reads
    columns = appends.start_timestamp, appends.end_timestamp, appends.tail_timestamp, history.observed_tail_timestamp
    return any(
        (column[:1] if column.strides == (0,) else column).max(initial=NONE) != NONE
        for column in (*columns, reads.timestamp)
    )


def slots_of(position: Int64s, lower: Int64s, base: int) -> Int64s:
    """The slots of positions (:func:`.spec.slot`)."""
    if not base:
        return position
    below = np.searchsorted(lower, position, side="right") - 1
    return np.where(position < base, below, len(lower) + position - base)


def _hash(log: spec.Log, base: int) -> tuple[int, int]:
    """Up to where the chained hash is known at first, and the hash: that of all records before, if all are known."""
    if not log.known[: len(log.lower)].all() or len(log.lower) != base:
        return NONE, 0
    chained = EMPTY
    for digest in log.digest[: len(log.lower)].tolist():
        chained = signed_link(chained, digest)
    return base, chained
