"""What a stream promises, written down once more: as steps of a state, for :mod:`.wgl`.

It was written from docs/semantics.md alone and shares nothing with the checkers' model, nor with the reference server.
An operation is a few *moments*, each inside its interval: an append is applied, or refused; a tail is looked at; a read
begins (where that depends on the tail), has brought a part of its answer, has ended. Every moment is a function from a
state to the state after it, or None where it cannot be then.

What an answer does not tell is what explains most: the timestamp of a record of which no answer speaks is the latest
that it can have, a record of before the history is as large as a batch may be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

import xxhash

from fencepost.testing.operations import (
    Ack,
    Batch,
    Lost,
    Op,
    Rec,
    Refused,
    Seen,
    Tail,
    TailMismatch,
    TokenMismatch,
    Unsatisfiable,
    Whole,
)

UNARY_RECORDS = 1000
UNARY_BYTES = 1 << 20


class Entry(NamedTuple):
    """A record in its place. ``digest`` is None where nobody knows what it is."""

    digest: int | None
    size: int
    stamp: float
    fence: str | None = None
    trim: int | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream: its ``log``, the tails that it has had, what is in force, and what its readers have to remember.

    Below ``floor`` anything may be gone. ``chained`` is the hash of the log, None while nobody knows it. ``begun`` has
    the starts of reads that began at a tail: (operation, seq_num, or None for a start by timestamp).
    """

    log: tuple[Entry, ...]
    tails: frozenset[int]
    token: str
    floor: int
    chained: int | None
    begun: tuple[tuple[int, int | None], ...] = ()

    @property
    def tail(self) -> int:
        """The seq_num that the next record gets."""
        return len(self.log)


Step = Callable[[Stream], "Stream | None"]


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of operation ``op``, between ``call`` and ``end`` (ns). ``optional``: it may never have come.

    ``applies``: the operation's records are there from then on.
    """

    op: int
    call: int
    end: float
    step: Step
    optional: bool = False
    applies: bool = False


Stamps = Callable[[int], float]
"""The latest timestamp that the record at a position can have."""


def moments(op: int, call: Op, stamps: Stamps) -> list[Moment]:
    """The moments of an operation, in their order; none where its answer says nothing."""

    def moment(step: Step, **more: bool) -> Moment:
        return Moment(op, call.invoked, inf if more.get("optional") else call.returned, step, **more)

    match call.answer:
        case Lost() if call.kind == "append":
            return [moment(lambda s: _applied(s, call, stamps), optional=True, applies=True)]
        case Ack(start, end, tail):
            found = [moment(lambda s: _acknowledged(s, call, stamps, start[0], end[0]), applies=True)]
            if tail[0] < end[0]:
                return [moment(lambda s: None)]
            return [*found, moment(lambda s: _when(s, s.tail == tail[0]))] if tail[0] > end[0] else found
        case TailMismatch() | TokenMismatch() as body:
            return [moment(lambda s: _when(s, _refusal(s, call) == body))]
        case Refused(_, 412) if call.kind == "append":
            return [moment(lambda s: _when(s, _refusal(s, call) is not None))]
        case Tail(tail):
            return [moment(lambda s: _when(s, s.tail == tail[0]))]
        case Whole(tail, stream_hash):
            return [moment(lambda s: _hashed(s, tail[0], stream_hash))]
        case _:
            return _reader(op, call) if call.kind == "read" else []


def _when(state: Stream, holds: bool) -> Stream | None:
    return state if holds else None


# -- appends


def _refusal(state: Stream, call: Op) -> TailMismatch | TokenMismatch | None:
    if call.token not in (None, state.token):
        return TokenMismatch(state.token)
    return None if call.match in (None, state.tail) else TailMismatch(state.tail)


def _applied(state: Stream, call: Op, stamps: Stamps) -> Stream | None:
    if _refusal(state, call) is not None or not call.records:
        return None
    token, floor, chained, log = state.token, state.floor, state.chained, list(state.log)
    for rec in call.records:
        log.append(_entry(rec, stamps(len(log))))
        token = token if rec.fence is None else rec.fence
        floor = max(floor, 0 if rec.trim is None else min(rec.trim, len(log)))
        chained = None if chained is None else link(chained, rec.digest)
    return replace(state, log=tuple(log), tails=state.tails | {len(log)}, token=token, floor=floor, chained=chained)


def _entry(rec: Rec, stamp: float) -> Entry:
    return Entry(rec.digest, rec.metered, stamp, rec.fence, rec.trim)


def _acknowledged(state: Stream, call: Op, stamps: Stamps, start: int, end: int) -> Stream | None:
    after = _applied(state, call, stamps)
    return after if after is not None and (start, end) == (state.tail, after.tail) else None


def link(chained: int, digest: int) -> int:
    """The hash of a stream that is one record longer."""
    return xxhash.xxh3_64_intdigest(digest.to_bytes(8, "little"), chained)


def _hashed(state: Stream, tail: int, stream_hash: int) -> Stream | None:
    if state.tail != tail or state.chained not in (None, stream_hash):
        return None
    return replace(state, chained=stream_hash)


# -- reads


@dataclass(frozen=True, slots=True)
class _Reader:
    """A read at work: what is left of its bounds, and where it goes on (None until it has returned anything)."""

    op: int
    call: Op
    count: float
    size: float
    after: int | None = None

    @property
    def follows(self) -> bool:
        """Whether it waits at the tail: for a while, or as a session without any limit."""
        read = self.call.read
        return bool(read.wait) or (
            self.call.session is not None and read.count is None and read.bytes is None and read.until is None
        )

    @property
    def at_tail(self) -> bool:
        """Whether it starts where the tail tells."""
        read = self.call.read
        return read.clamp or (read.seq_num is None and read.timestamp is None)

    def start(self, state: Stream) -> int | None:
        """Where it starts, or goes on, in this state; None by timestamp."""
        read = self.call.read
        if self.after is not None:
            return self.after
        for op, start in state.begun:
            if op == self.op:
                return start
        if read.timestamp is not None:
            return None
        if read.seq_num is None:
            return max(state.tail - (read.tail_offset or 0), 0)
        return min(read.seq_num, state.tail) if read.clamp else read.seq_num

    def passed(self, state: Stream, seen: Sequence[Seen], waiting: bool) -> bool:
        """Whether it came by these records, in this order, and by no other that is certain to be there."""
        at = self.start(state)
        free = self.after is not None or (waiting and self.call.read.clamp)
        least = None if free else self.call.read.timestamp
        for one in seen:
            if one.seq_num >= state.tail or (at is not None and not at <= one.seq_num <= max(at, state.floor)):
                return False
            entry = state.log[one.seq_num]
            if entry.stamp != one.timestamp or entry.digest not in (None, one.rec.digest):
                return False
            if least is not None and one.timestamp < least:
                return False
            at = one.seq_num + 1
        return True


def _reader(op: int, call: Op) -> list[Moment]:
    read, unary = call.read, call.session is None
    count = min(inf if read.count is None else read.count, UNARY_RECORDS if unary else inf)
    size = min(inf if read.bytes is None else read.bytes, UNARY_BYTES if unary else inf)
    reader = _Reader(op, call, count, size)
    ends = isinstance(call.answer, Batch | Unsatisfiable)
    found = []
    apart = reader.follows or not unary
    if reader.at_tail and (call.parts or (isinstance(call.answer, Batch) and apart)):
        until = min([*(part.time for part in call.parts), *([call.returned] if ends else [])])
        found.append(Moment(op, call.invoked, until, _beginning(reader)))
    for part in call.parts:
        found.append(Moment(op, call.invoked, part.time, _partial(reader, part.seen, part.tail)))
        if part.seen:
            used = sum(one.rec.metered for one in part.seen)
            reader = replace(
                reader,
                count=reader.count - len(part.seen),
                size=reader.size - used,
                after=part.seen[-1].seq_num + 1,
            )
    if ends:
        found.append(Moment(op, call.invoked, call.returned, _ending(reader)))
    return found


def _beginning(reader: _Reader) -> Step:
    def step(state: Stream) -> Stream | None:
        start = reader.start(state)
        if start is not None and start >= state.tail and not reader.follows:
            return None  # a 416
        return replace(state, begun=(*state.begun, (reader.op, start)))

    return step


def _ending(reader: _Reader) -> Step:
    match reader.call.answer:
        case Unsatisfiable(tail):
            return lambda s: _when(s, s.tail == tail[0] and _out_of_range(s, reader))
        case Batch(seen, tail) if reader.follows:
            return _partial(reader, seen, tail)
        case Batch(seen, _):
            return lambda s: _when(s, _exhausted(s, reader, seen))
    raise AssertionError(reader.call.answer)


def _out_of_range(state: Stream, reader: _Reader) -> bool:
    start = reader.start(state)
    return start is None or start > state.tail or (start == state.tail and not reader.follows)


def _partial(reader: _Reader, seen: Sequence[Seen], tail: tuple[int, int] | None) -> Step:
    """It has brought these records; it may have been about to bring more. The tail that it names may lag."""

    def step(state: Stream) -> Stream | None:
        start = reader.start(state)
        if (start is not None and start > state.tail) or not reader.passed(state, seen, True):
            return None
        if tail is None:
            return state
        return _when(state, tail[0] in state.tails and not (seen and seen[-1].seq_num >= tail[0]))

    return step


def _exhausted(state: Stream, reader: _Reader, seen: Sequence[Seen]) -> bool:
    """It brought all there was that fitted."""
    start = reader.start(state)
    if reader.after is None and start is not None and start >= state.tail:
        return False  # a 416
    if not reader.passed(state, seen, False):
        return False
    at = seen[-1].seq_num + 1 if seen else start
    if at is None:
        return True  # nothing of so late a time; what that means depends on times that nobody tells
    count = reader.count - len(seen)
    size = reader.size - sum(state.log[one.seq_num].size for one in seen)
    until = reader.call.read.until
    for entry in state.log[at:]:
        if count <= 0 or entry.size > size or (until is not None and entry.stamp >= until):
            return True
        if at >= state.floor:
            return False
        at += 1
    return True


# -- what does not depend on the order


@dataclass(frozen=True, slots=True)
class Look:
    """What an answer, or a part of one, showed: what of it, between ``call`` and ``end``, in the ``op``-th operation.

    ``start`` is where it was to begin, if that is a seq_num.
    """

    op: int
    process: int
    call: int
    end: float
    start: int | None
    seen: tuple[Seen, ...]
    tail: int | None = None
    whole: bool = False


def looks(op: int, call: Op) -> Iterator[Look]:
    """All that an operation showed."""
    start = call.read.seq_num
    for part in call.parts:
        tail = None if part.tail is None else part.tail[0]
        yield Look(op, call.process, call.invoked, part.time, start, part.seen, tail)
        start = part.seen[-1].seq_num + 1 if part.seen else start
    match call.answer:
        case Batch(seen, tail):
            follows = _Reader(op, call, inf, inf).follows
            named = tail[0] if tail is not None and follows else None
            yield Look(op, call.process, call.invoked, call.returned, start, seen, named)
        case Whole(tail, _):
            yield Look(op, call.process, call.invoked, call.returned, 0, (), tail[0], True)


def told(call: Op) -> Iterator[tuple[int, int]]:
    """The positions of which an operation tells a timestamp (ms), and that."""
    match call.answer:
        case Ack(start, end, tail):
            yield from (start, (end[0] - 1, end[1]), (tail[0] - 1, tail[1]))
        case Tail(tail) | Unsatisfiable(tail) | Whole(tail, _):
            yield tail[0] - 1, tail[1]
    for look in looks(0, call):
        yield from ((one.seq_num, one.timestamp) for one in look.seen)
