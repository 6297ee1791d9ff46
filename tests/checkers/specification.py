"""What a stream promises, written down once more: as steps of a state, for :mod:`.wgl`.

It was written from docs/semantics.md alone and shares nothing with the model of the other oracle, the checkers or the
reference server. An operation is a few *moments*, each inside its interval: an append is applied, or refused; a tail is
looked at; a read begins (where that depends on the tail), has brought a part of its answer, has ended. Every moment is
a step from a state to those that there may be after it: none where it cannot be then, several where an answer may have
several reasons.

An entry of the log remembers what answers have told of it: that it is gone, from when to when its timestamp can be. A
record of before the history is as large as a batch may be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

import xxhash

from fencepost.testing.operations import (
    Ack,
    Batch,
    Lost,
    Op,
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
    """A record in its place. ``digest`` is None where nobody knows what it is.

    Its timestamp (ms) is from ``early`` to ``late``; it has one, which serves every answer.
    """

    digest: int | None
    size: int
    early: float
    late: float
    fence: str | None = None
    trim: int | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream: its ``log``, the tails that it has had, what is in force, and what its readers have to remember.

    Below ``floor`` anything may go, and everywhere if it is ``fading``. ``chained`` is the hash of the log, None while
    nobody knows it. ``shown``: some answer has shown that there is the stream. ``begun`` has the starts of reads that
    began at a tail: (operation, seq_num, or None for a start by timestamp).
    """

    log: tuple[Entry, ...]
    tails: frozenset[int]
    token: str
    floor: int
    chained: int | None
    fading: bool = False
    shown: bool = True
    begun: tuple[tuple[int, int | None], ...] = ()

    @property
    def tail(self) -> int:
        """The seq_num that the next record gets."""
        return len(self.log)

    def without(self, positions: Iterable[int]) -> Stream | None:
        """It, with these records gone; None where one of them has to be there."""
        log = list(self.log)
        for at in positions:
            if not log[at].gone and at >= self.floor and not self.fading:
                return None
            log[at] = log[at]._replace(gone=True)
        return replace(self, log=tuple(log))

    def sooner(self, at: int, time: int) -> Stream | None:
        """It, with a timestamp before ``time`` at a position, and so at all below; None where it is later."""
        if self.log[at].early >= time:
            return None
        below = (entry._replace(late=min(entry.late, time - 1)) for entry in self.log[: at + 1])
        return replace(self, log=(*below, *self.log[at + 1 :]))

    def later(self, at: int, time: int) -> Stream | None:
        """It, with a timestamp of ``time`` or more at a position, and so at all above; None where it is sooner."""
        if self.log[at].late < time:
            return None
        above = (entry._replace(early=max(entry.early, time)) for entry in self.log[at:])
        return replace(self, log=(*self.log[:at], *above))

    def all_before(self, time: int, end: int) -> Iterator[Stream]:
        """It, in every way in which what is there below ``end`` has timestamps before ``time``."""
        state = self
        for at in reversed(range(end)):
            entry = state.log[at]
            if entry.gone:
                continue
            if entry.late < time:
                break
            sooner = state.sooner(at, time)
            if sooner is not None:
                yield sooner
            rest = state.without([at])
            if rest is None:
                return
            state = rest
        yield state


Step = Callable[[Stream], Iterable[Stream]]


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of operation ``op``, between ``call`` and ``end`` (ns). ``optional``: it may never have come.

    ``applies``: the operation's records are there from then on. ``denies``: the answer says that there is no stream.
    """

    op: int
    call: int
    end: float
    step: Step
    optional: bool = False
    applies: bool = False
    denies: bool = False

    def after(self, state: Stream) -> Iterator[Stream]:
        """Every state that there may be after it."""
        for after in self.step(state):
            yield after if after.shown or self.optional or self.denies else replace(after, shown=True)


Span = Callable[[int], tuple[float, float]]
"""The earliest and the latest timestamp that the record at a position can have."""

ABSENCE = ("stream_not_found", "stream_deletion_pending", "basin_not_found", "basin_deletion_pending")


def moments(op: int, call: Op, span: Span) -> list[Moment]:
    """The moments of an operation, in their order; none where its answer says nothing."""

    def moment(step: Step, **more: bool) -> Moment:
        return Moment(op, call.invoked, inf if more.get("optional") else call.returned, step, **more)

    found = _reader(op, call) if call.kind == "read" else []
    match call.answer:
        case Lost() if call.kind == "append":
            found.append(moment(lambda s: _applied(s, call, span), optional=True, applies=True))
        case Ack(start, end, tail):
            found.append(moment(lambda s: _acknowledged(s, call, span, start[0], end[0]), applies=True))
            if tail[0] < end[0]:
                found.append(moment(lambda s: ()))
            elif tail[0] > end[0]:
                found.append(moment(lambda s: _when(s, s.tail == tail[0])))
        case TailMismatch() | TokenMismatch() as body:
            found.append(moment(lambda s: _when(s, _refusal(s, call) == body)))
        case Refused(code) if code in ABSENCE:
            found.append(moment(lambda s: _when(s, not s.shown), denies=True))
        case Refused(_, 412) if call.kind == "append":
            found.append(moment(lambda s: _when(s, _refusal(s, call) is not None)))
        case Tail(tail):
            found.append(moment(lambda s: _when(s, s.tail == tail[0])))
        case Whole(tail, stream_hash):
            found.append(moment(lambda s: _hashed(s, tail[0], stream_hash)))
    return found


def _when(state: Stream, holds: bool) -> Iterable[Stream]:
    return (state,) if holds else ()


# -- appends


def _refusal(state: Stream, call: Op) -> TailMismatch | TokenMismatch | None:
    if call.token not in (None, state.token):
        return TokenMismatch(state.token)
    return None if call.match in (None, state.tail) else TailMismatch(state.tail)


def _applied(state: Stream, call: Op, span: Span) -> Iterable[Stream]:
    if _refusal(state, call) is not None or not call.records:
        return ()
    token, floor, chained, log = state.token, state.floor, state.chained, list(state.log)
    for rec in call.records:
        early, late = span(len(log))
        early = max(early, log[-1].early) if log else early
        if early > late:
            return ()
        log.append(Entry(rec.digest, rec.metered, early, late, rec.fence, rec.trim))
        token = token if rec.fence is None else rec.fence
        floor = max(floor, 0 if rec.trim is None else min(rec.trim, len(log)))
        chained = None if chained is None else link(chained, rec.digest)
    after = replace(state, log=tuple(log), tails=state.tails | {len(log)}, token=token, floor=floor, chained=chained)
    return (after,)


def _acknowledged(state: Stream, call: Op, span: Span, start: int, end: int) -> Iterable[Stream]:
    return _applied(state, call, span) if (start, end) == (state.tail, state.tail + len(call.records)) else ()


def link(chained: int, digest: int) -> int:
    """The hash of a stream that is one record longer."""
    return xxhash.xxh3_64_intdigest(digest.to_bytes(8, "little"), chained)


def _hashed(state: Stream, tail: int, stream_hash: int) -> Iterable[Stream]:
    if state.tail != tail or state.chained not in (None, stream_hash) or any(entry.gone for entry in state.log):
        return ()
    return (replace(state, chained=stream_hash),)


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

    def due_416(self, state: Stream) -> bool:
        """Whether it has to be refused, by where it starts: there is nothing for it, and it may not wait."""
        at = self.start(state)
        return self.after is None and at is not None and at >= state.tail and not (self.follows and at == state.tail)

    def returns(self, state: Stream, seen: Sequence[Seen]) -> Iterable[Stream]:
        """What it is after these records, in this order, and no other that was there for it."""
        until, time, at = self.call.read.until, self.call.read.timestamp, self.start(state)
        if seen and (len(seen) > self.count or sum(one.rec.metered for one in seen) > self.size):
            return ()
        after: Stream | None = state
        for one in seen:
            if one.seq_num >= state.tail or (at is not None and one.seq_num < at):
                return ()
            entry = state.log[one.seq_num]
            if entry.gone or entry.digest not in (None, one.rec.digest):
                return ()
            if until is not None and one.timestamp >= until:
                return ()
            if at is not None:
                after = after.without(range(at, one.seq_num))
            if after is None:
                return ()
            at = one.seq_num + 1
        if not seen or time is None or self.after is not None:
            return (after,)
        if seen[0].timestamp < time and not (self.follows and self.call.read.clamp):
            return ()
        return after.all_before(time, seen[0].seq_num)

    def onwards(self, seen: Sequence[Seen]) -> _Reader:
        """It, when it has returned these."""
        if not seen:
            return self
        used = sum(one.rec.metered for one in seen)
        return replace(self, count=self.count - len(seen), size=self.size - used, after=seen[-1].seq_num + 1)


def _reader(op: int, call: Op) -> list[Moment]:
    read, unary = call.read, call.session is None
    count = min(inf if read.count is None else read.count, UNARY_RECORDS if unary else inf)
    size = min(inf if read.bytes is None else read.bytes, UNARY_BYTES if unary else inf)
    reader = _Reader(op, call, count, size)
    found = []
    apart = reader.follows or not unary
    if reader.at_tail and (call.parts or (isinstance(call.answer, Batch) and apart)):
        until = min([*(part.time for part in call.parts), call.returned])
        found.append(Moment(op, call.invoked, until, _beginning(reader)))
    for part in call.parts:
        found.append(Moment(op, call.invoked, part.time, _partial(reader, part.seen, part.tail)))
        reader = reader.onwards(part.seen)
    if isinstance(call.answer, Batch | Unsatisfiable):
        found.append(Moment(op, call.invoked, call.returned, _ending(reader)))
    return found


def _beginning(reader: _Reader) -> Step:
    def step(state: Stream) -> Iterable[Stream]:
        if reader.due_416(state):
            return ()
        return (replace(state, begun=(*state.begun, (reader.op, reader.start(state)))),)

    return step


def _ending(reader: _Reader) -> Step:
    match reader.call.answer:
        case Unsatisfiable(tail):
            return lambda s: _out_of_range(s, reader) if s.tail == tail[0] and not reader.call.parts else ()
        case Batch(seen, tail) if reader.follows:
            return _partial(reader, seen, tail)
        case Batch(seen, _):
            return lambda s: _exhausted(s, reader, seen)
    raise AssertionError(reader.call.answer)


def _out_of_range(state: Stream, reader: _Reader) -> Iterable[Stream]:
    read = reader.call.read
    if read.timestamp is None:
        return _when(state, reader.due_416(state))
    return () if reader.follows and read.clamp else state.all_before(read.timestamp, state.tail)


def _partial(reader: _Reader, seen: Sequence[Seen], tail: tuple[int, int] | None) -> Step:
    """It has brought these records; it may have been about to bring more. The tail that it names may lag."""
    named = tail[0] if tail is not None and reader.follows else None

    def step(state: Stream) -> Iterable[Stream]:
        if reader.due_416(state):
            return ()
        if named is not None and (named not in state.tails or (seen and seen[-1].seq_num >= named)):
            return ()
        return reader.returns(state, seen)

    return step


def _exhausted(state: Stream, reader: _Reader, seen: Sequence[Seen]) -> Iterator[Stream]:
    """It brought all there was that fitted."""
    if reader.due_416(state):
        return
    time, until = reader.call.read.timestamp, reader.call.read.until
    if time is not None and reader.after is None and not seen:
        for at, entry in enumerate(state.log):  # the first that it might have returned
            full = reader.count <= 0 or entry.size > reader.size
            if not entry.gone and (full or until is not None):
                found = state.later(at, time if full or until is None else max(time, until))
                yield from found.all_before(time, at) if found is not None else ()
        return
    rest = reader.onwards(seen)
    for after in reader.returns(state, seen):
        start = rest.start(after)
        assert start is not None
        yield from _rest_is_too_much(after, rest, start)


def _rest_is_too_much(state: Stream, reader: _Reader, at: int) -> Iterator[Stream]:
    """What there is from a position on does not fit, or there is nothing more."""
    until = reader.call.read.until
    while reader.count > 0 and at < state.tail:
        entry = state.log[at]
        if not entry.gone:
            if entry.size > reader.size or (until is not None and entry.early >= until):
                break
            later = state.later(at, until) if until is not None else None
            if later is not None:
                yield later
            rest = state.without([at])
            if rest is None:
                return
            state = rest
        at += 1
    yield state


# -- what does not depend on the order


@dataclass(frozen=True, slots=True)
class Look:
    """What an answer of the ``op``-th operation, or a part of one, showed; ``tail`` is what a follower named."""

    op: int
    seen: tuple[Seen, ...]
    tail: int | None = None


def looks(op: int, call: Op) -> Iterator[Look]:
    """All that a read showed."""
    follows = _Reader(op, call, inf, inf).follows
    for part in (*call.parts, *([call.answer] if isinstance(call.answer, Batch) else [])):
        yield Look(op, part.seen, part.tail[0] if part.tail is not None and follows else None)


def told(call: Op) -> Iterator[tuple[int, int]]:
    """The positions of which an operation tells a timestamp (ms), and that."""
    pairs: list[tuple[int, int | None]] = []
    match call.answer:
        case Ack(start, end, tail):
            pairs = [start, (end[0] - 1, end[1]), (tail[0] - 1, tail[1])]
        case Tail(tail) | Unsatisfiable(tail) | Whole(tail, _):
            pairs = [(tail[0] - 1, tail[1])]
    yield from ((seq_num, stamp) for seq_num, stamp in pairs if stamp is not None)
    for look in looks(0, call):
        yield from ((one.seq_num, one.timestamp) for one in look.seen)
