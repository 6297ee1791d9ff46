"""What is asked of one stream, read from the raw columns of a history: one row for each moment.

An operation whose answer says something of the stream has one moment. It has two where its answer speaks of two: an
acknowledgement whose tail is beyond its end, and a read whose start the tail decides and which then went on (it
follows, is of a session, or came in parts). What of the order is no matter of the clock stands in ``ahead``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import (
    APPEND,
    BEYOND,
    FAILED,
    FOREVER,
    INDEFINITE,
    NONE,
    OK,
    READ,
    History,
    Int64s,
)
from fencepost.harness.s2.errors import claims_absence
from fencepost.harness.s2.limits import MAX_BATCH_BYTES, MAX_BATCH_RECORDS

from . import spec
from .ahead import ahead

MANY: Final = 3_000
"""Moments from which on it pays to load compiled loops."""

Mask = NDArray[np.bool_]
P = ParamSpec("P")
T = TypeVar("T")
Trims = dict[int, dict[int, int]]
"""The trims that were sent, by row: the index in the batch, and the position asked for."""


@dataclass(frozen=True)
class Requirements:
    """What a stream is asked: its moments by row and number, their records, and orders beyond the clock.

    ``ahead`` has shape (k, 3): in any order, the first moment stands before the second, if both are in it. Where the
    third entry is 1, the second cannot be there without the first. ``kept`` is what :func:`once` keeps.
    """

    history: History
    stream: int
    asked: spec.Asked
    records: spec.Records
    ahead: Int64s
    kept: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.asked.row)

    @property
    def tail(self) -> int:
        """The tail before the first operation."""
        return self.history.header.streams[self.stream].tail

    @cached_property
    def is_many(self) -> bool:
        """Whether it pays to run compiled loops on the columns."""
        return len(self) >= MANY

    @cached_property
    def by_return(self) -> Int64s:
        """The moments in the order of their return."""
        return np.argsort(self.asked.returned, kind="stable")

    @cached_property
    def listed(self) -> tuple[spec.Asked, spec.Records]:
        """Moments and records as lists."""
        return listed(self.asked), listed(self.records)

    def but(self, moments: Mask) -> Requirements:
        """The same, but that these moments may be missing in an order."""
        optional = np.where(moments, 1, self.asked.optional)
        return replace(self, asked=self.asked._replace(optional=optional), kept={})

    def find(self, rows: Int64s, numbers: Int64s) -> Int64s:
        """The moments of these rows and numbers; -1 for what is none."""
        keys, wanted = self.asked.row * 2 + self.asked.number, rows * 2 + numbers
        at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        if not len(keys):
            return np.full(len(rows), NONE, dtype=np.int64)
        return np.where(keys[at] == wanted, at, NONE)


def once(function: Callable[Concatenate[Requirements, P], T]) -> Callable[Concatenate[Requirements, P], T]:
    """Compute what follows from the requirements of a stream once, and keep it with them; nobody may change it.

    The other arguments are the same for each call.
    """

    @wraps(function)
    def found(asked: Requirements, /, *same: P.args, **named: P.kwargs) -> T:
        if function not in asked.kept:
            asked.kept[function] = function(asked, *same, **named)
        kept: T = asked.kept[function]
        return kept

    return found


def listed(columns: Any) -> Any:
    """The same columns as lists, which CPython reads faster."""
    return type(columns)(*(column.tolist() for column in columns))


def spans(starts: Int64s, lengths: Int64s) -> Int64s:
    """All of the integers of ``[starts[i], starts[i] + lengths[i])``, one after another."""
    ends = np.cumsum(lengths)
    return np.asarray(np.repeat(starts - (ends - lengths), lengths) + np.arange(int(lengths.sum())), dtype=np.int64)


def rows_of(history: History) -> list[Int64s]:
    """The rows of each stream, ascending, in the order of the header."""
    number = len(history.header.streams)
    if number == 1:
        return [np.arange(len(history), dtype=np.int64)]
    order = np.argsort(history.stream, kind="stable")
    return np.split(order, np.cumsum(np.bincount(history.stream, minlength=number))[:-1])


def requirements(history: History, stream: int, rows: Int64s) -> Requirements:
    """What the rows of a stream (ascending) ask of it."""
    trims, sessions, parts = _trims(history, rows), _sessions(history, rows), _Parts(history, rows)
    ask = _asks(history, rows, trims, sessions)
    begins = _begins(history, rows, ask, parts)
    late = (ask == spec.APPEND) & (history.outcome[rows] == OK)
    late &= history.appends.tail[rows] > history.appends.end[rows]
    once, twice = np.flatnonzero(ask != NONE), np.flatnonzero(begins | late)
    at = np.concatenate((once, twice))
    # The second moment of an acknowledgement is its tail; the first one of a read that begins apart is its beginning.
    number = np.concatenate((begins[once].astype(np.int64), (~begins[twice]).astype(np.int64)))
    ask = np.concatenate((ask[once], np.where(begins[twice], spec.BEGIN, spec.TAIL)))
    if len(twice):
        order = np.argsort(at * 2 + number, kind="stable")
        at, number, ask = at[order], number[order], ask[order]
    records, bounds = _records(history, rows, trims)
    asked = _columns(history, rows, bounds, at, number, ask, parts, trims)
    return Requirements(history, stream, asked, records, ahead(history, rows, asked, parts.answers, sessions))


def _asks(history: History, rows: Int64s, trims: Trims, sessions: Sequence[Int64s]) -> Int64s:
    """What each row asks; NONE where it says nothing."""
    kind, outcome = history.kind[rows], history.outcome[rows]
    ok, failed = outcome == OK, outcome == FAILED
    append, read = kind == APPEND, kind == READ
    ask = np.full(len(rows), NONE, dtype=np.int64)
    ask[append & ~failed] = spec.APPEND
    ask[append & failed & (history.status[rows] == 412)] = spec.REFUSED
    ask[append & failed & (history.seq_num_mismatch[rows] != NONE)] = spec.MATCH_REFUSED
    ask[append & failed & (history.token_mismatch[rows] != NONE)] = spec.TOKEN_REFUSED
    ask[ok & ~append & ~read] = spec.TAIL
    follows = (history.part_of[rows] != NONE) | (history.reads.wait[rows] > 0)
    ask[ok & read] = np.where(follows[ok & read], spec.PART, spec.END)
    ask[ok & read & history.reads.hashed[rows]] = spec.WHOLE
    ask[failed & ~append & (history.observed_tail[rows] != NONE)] = spec.OUT_OF_RANGE
    if not _may_vanish(history, trims):
        claims = [index for index, code in enumerate(history.codes) if claims_absence(code)]
        if claims:
            ask[failed & (ask == NONE) & np.isin(history.code[rows], claims)] = spec.ABSENT
    for batches in sessions:
        bad = np.flatnonzero(outcome[batches] == FAILED)
        for batch in batches[bad[0] + 1 :] if len(bad) else ():
            ask[batch] = spec.POISONED if ok[batch] else NONE if outcome[batch] == INDEFINITE else ask[batch]
    return ask


def _may_vanish(history: History, trims: Trims) -> bool:
    """May the stream be deleted, by others or, as a terminal trim says, by somebody?"""
    if history.header.others_may_delete:
        return True
    applied = (sent for row, sent in trims.items() if history.outcome[row] != FAILED)
    return any(to >= BEYOND for sent in applied for to in sent.values())


def _sessions(history: History, rows: Int64s) -> list[Int64s]:
    """The batches of each append session, in their order, as indices of ``rows``."""
    batches = np.flatnonzero((history.session[rows] != NONE) & (history.kind[rows] == APPEND))
    if not len(batches):
        return []
    batches = batches[np.argsort(history.session[rows[batches]], kind="stable")]
    return np.split(batches, np.flatnonzero(np.diff(history.session[rows[batches]])) + 1)


class _Parts:
    """Answers that came in parts: of each row the read, and what was returned before it (as columns of the rows)."""

    def __init__(self, history: History, rows: Int64s) -> None:
        reads, part_of = history.reads, history.part_of[rows]
        self.read = np.where(part_of == NONE, rows, part_of)
        self.records, self.size = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=np.int64)
        self.first = np.ones(len(rows), dtype=np.bool_)
        self.answers: list[Int64s] = []
        is_part = part_of != NONE
        if not is_part.any():
            return
        mine = np.flatnonzero(is_part | np.isin(rows, part_of[is_part]))
        mine = mine[np.lexsort((rows[mine], ~is_part[mine], self.read[mine]))]
        begins = np.flatnonzero(np.concatenate(([True], np.diff(self.read[mine]) != 0)))
        group = np.repeat(begins, np.diff(np.append(begins, len(mine))))
        counts = reads.offset[rows[mine] + 1] - reads.offset[rows[mine]]
        bytes_ = np.concatenate(([0], np.cumsum(reads.size[spans(reads.offset[rows[mine]], counts)], dtype=np.int64)))
        ends = np.cumsum(counts)
        sizes = bytes_[ends] - bytes_[ends - counts]
        for column, returned in ((self.records, counts), (self.size, sizes)):
            before = np.cumsum(returned) - returned
            column[mine] = before - before[group]
        self.first[mine] = np.arange(len(mine)) == group
        self.answers = np.split(mine, begins[1:])


def _begins(history: History, rows: Int64s, ask: Int64s, parts: _Parts) -> Mask:
    """Which rows are the first of an answer that began at a moment of its own."""
    reads = history.reads
    by_tail = (reads.from_timestamp[rows] == NONE) & ((reads.from_seq_num[rows] == NONE) | reads.clamp[rows])
    went_on = (history.part_of[rows] != NONE) | (reads.wait[rows] > 0) | (history.session[rows] != NONE)
    begins: Mask = ((ask == spec.PART) | (ask == spec.END)) & by_tail & went_on & parts.first
    return begins


def _columns(
    history: History,
    rows: Int64s,
    bounds: Sequence[Int64s],
    at: Int64s,
    number: Int64s,
    ask: Int64s,
    parts: _Parts,
    trims: Trims,
) -> spec.Asked:
    row, appends, reads = rows[at], history.appends, history.reads
    append = (ask == spec.APPEND) | (ask == spec.POISONED)
    refused = (ask >= spec.TOKEN_REFUSED) & (ask <= spec.REFUSED)
    read = (ask == spec.PART) | (ask == spec.END)
    reader = read | (ask == spec.BEGIN) | (ask == spec.OUT_OF_RANGE)
    tails = np.flatnonzero((ask == spec.TAIL) | (ask == spec.WHOLE) | (ask == spec.OUT_OF_RANGE))
    acked = np.flatnonzero(append & (history.outcome[row] == OK))
    optional = append & (history.outcome[row] == INDEFINITE)
    gave, appended, answered = np.flatnonzero(append | refused), np.flatnonzero(append), np.flatnonzero(read)

    same = {value: np.full(len(at), value, dtype=np.int64) for value in (0, NONE)}

    def of(*parts: tuple[Int64s, NDArray[Any]], others: int = NONE) -> Int64s:
        """A column with the values of some moments, one of each. All columns that say nothing are the same array."""
        telling = [(moments, values) for moments, values in parts if len(moments) and (values != others).any()]
        if not telling:
            return same[others]
        column = same[others].copy()
        for moments, values in telling:
            column[moments] = values
        return column

    own = history.observed_tail[row[tails]]
    of_append = history.kind[row[tails]] == APPEND
    own[of_append] = appends.tail[row[tails][of_append]]
    by_token, by_match = np.flatnonzero(ask == spec.TOKEN_REFUSED), np.flatnonzero(ask == spec.MATCH_REFUSED)
    sent_low, sent_high, read_low, read_high = bounds
    reading = np.flatnonzero(reader)
    asking, its = row[reading], at[reading]
    continued = (parts.records[its] > 0) | ((ask[reading] == spec.OUT_OF_RANGE) & ~parts.first[its])
    session = history.session[asking] != NONE
    follows = reads.wait[parts.read[its]] > 0
    telling = follows & (ask[reading] == spec.PART)
    places, room = (
        np.minimum(np.where(given == NONE, FOREVER, given), np.where(session, FOREVER, most - used))
        for given, most, used in (
            (reads.count[asking], MAX_BATCH_RECORDS, parts.records[its]),
            (reads.bytes[asking], MAX_BATCH_BYTES, parts.size[its]),
        )
    )
    trimming = np.array(list(trims), dtype=np.int64)
    ends = np.concatenate(([0], np.cumsum([len(sent) for sent in trims.values()], dtype=np.int64)))
    trim_low, trim_high = (
        np.repeat(ends, np.diff(np.searchsorted(row, trimming, side), prepend=0, append=len(row)))
        for side in ("right", "left")
    )
    whole = np.flatnonzero(ask == spec.WHOLE)
    return spec.Asked(
        row=row,
        number=number,
        ask=ask,
        optional=optional.astype(np.int64),
        invoked=history.invoked[row],
        returned=history.returned[row],
        at=of((tails, own), (by_match, history.seq_num_mismatch[row[by_match]]), (acked, appends.start[row[acked]])),
        end=of((acked, appends.end[row[acked]])),
        told=of(
            (by_token, history.token_mismatch[row[by_token]]),
            (reading[telling], reads.tail[asking[telling]]),
            (acked, appends.tail[row[acked]]),
        ),
        token=of((gave, appends.token[row[gave]])),
        match=of((gave, appends.match_seq_num[row[gave]])),
        fence=of((appended, appends.last_fence[row[appended]])),
        low=of((appended, sent_low[at[appended]]), (answered, read_low[at[answered]]), others=0),
        high=of((appended, sent_high[at[appended]]), (answered, read_high[at[answered]]), others=0),
        trim_low=trim_low,
        trim_high=trim_high,
        hash=of((whole, reads.stream_hash[row[whole]].view(np.int64)), others=0),
        start=of((reading, reads.from_seq_num[asking])),
        since=of((reading, reads.from_timestamp[asking])),
        offset=of((reading, reads.tail_offset[asking])),
        clamp=of((reading, reads.clamp[asking]), others=0),
        follows=of((reading, follows), others=0),
        places=of((reading, places)),
        room=of((reading, room)),
        until=of((reading, reads.until[asking])),
        after=of((reading[continued], np.maximum(reads.from_seq_num[asking[continued]], 0))),
        begun=_begun(ask, at, parts, reading[~continued]),
    )


def _begun(ask: Int64s, at: Int64s, parts: _Parts, waiting: Int64s) -> Int64s:
    """For each moment of an answer that has returned nothing so far, the moment of its beginning."""
    begins = np.flatnonzero(ask == spec.BEGIN)
    found = np.full(len(ask), NONE, dtype=np.int64)
    if not len(begins):
        return found
    begins = begins[np.argsort(parts.read[at[begins]], kind="stable")]
    read = parts.read[at[begins]]
    mine = waiting[ask[waiting] != spec.BEGIN]
    place = np.minimum(np.searchsorted(read, parts.read[at[mine]]), len(read) - 1)
    found[mine] = np.where(read[place] == parts.read[at[mine]], begins[place], NONE)
    return found


def _trims(history: History, rows: Int64s) -> Trims:
    """The trims that were sent to a stream, by row, ascending."""
    sent = history.appends.trims
    if len(sent) > len(rows):
        return {row: sent[row] for row in rows.tolist() if row in sent}
    stream = history.stream[rows[0]] if len(rows) else NONE
    return {row: sent[row] for row in sorted(sent) if history.stream[row] == stream}


def _records(
    history: History, rows: Int64s, trims: Trims
) -> tuple[spec.Records, tuple[Int64s, Int64s, Int64s, Int64s]]:
    """The records of a stream, and of each row the bounds of those sent, then of those returned."""
    appends, reads = history.appends, history.reads
    pairs = np.array([pair for sent in trims.values() for pair in sent.items()], dtype=np.int64).reshape(-1, 2)
    sent_records, sent_bounds = own(appends.offset, rows)
    returned, returned_bounds = own(reads.offset, rows)
    records = spec.Records(
        sent=appends.digest[sent_records].view(np.int64),
        sent_size=appends.size[sent_records].astype(np.int64),
        trim_index=pairs[:, 0].copy(),
        trim_to=pairs[:, 1].copy(),
        seq_num=reads.seq_num[returned],
        digest=reads.digest[returned].view(np.int64),
        size=reads.size[returned].astype(np.int64),
        timestamp=reads.timestamp[returned],
    )
    return records, (*sent_bounds, *returned_bounds)


def own(offset: Int64s, rows: Int64s) -> tuple[slice | Int64s, tuple[Int64s, Int64s]]:
    """Where the records of some rows (ascending) lie, and the bounds of each row among these."""
    everything = len(rows) == len(offset) - 1
    low, high = (offset[:-1], offset[1:]) if everything else (offset[rows], offset[rows + 1])
    lengths = high - low
    if lengths.sum() == offset[-1]:
        return slice(None), (low, high)
    ends = np.cumsum(lengths)
    return spans(low, lengths), (ends - lengths, ends)
