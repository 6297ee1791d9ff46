"""The judge of the judge: whether *some* order of a small history explains every answer, found by trying them.

Every operation is one point of time (or two, see ``checkers/model.py``) inside its closed interval. An order is any
sequence of all points of definite operations, and of any subset of the indefinite appends, that respects real time
(what returned before another was invoked comes first) and process order (even at one instant of the clock: a process
invokes nothing before it has its last answer, be the new operation's end known or not). It explains the history if the
sequential model gives every answer at its point. The search shares nothing with the checker's algorithm but that model.

Two shortcuts, each harmless: an observation that is due and explained is taken at once (it changes nothing, and waiting
for it can only keep others back), and a situation seen before is not tried again. ``literal=True`` does without.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from fencepost.checkers import model
from fencepost.harness.client import values
from tests.checkers.histories import (
    Ack,
    Batch,
    Lost,
    Op,
    Rec,
    Refused,
    Tail,
    TailMismatch,
    TokenMismatch,
    Unsatisfiable,
    by_invocation,
)

LATEST = 2**62
"""The timestamp of a record of which nobody knows anything."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The ids of the operations in an order that explains every answer, the applied indefinite appends among them."""

    order: tuple[int, ...]


def explain(ops: Iterable[Op], tail: int = 0, token: str | None = "", *, literal: bool = False) -> Explanation | None:
    """An order that explains the operations, from this state on; None if there is none. Streams are independent."""
    ordered = by_invocation(ops)
    order: list[int] = []
    for stream in dict.fromkeys(op.stream for op in ordered):
        own = {i: op for i, op in enumerate(ordered) if op.stream == stream}
        found = next(
            (f for first in _first_tokens(own.values(), token) if (f := _one(own, tail, first, literal))), None
        )
        if found is None:
            return None
        order += found.order
    return Explanation(tuple(order))


def _first_tokens(ops: Iterable[Op], token: str | None) -> list[str]:
    """Every token that the stream may begin with: all those of which there is any word, and another."""
    if token is not None:
        return [token]
    named = {op.token for op in ops if op.token is not None}
    named |= {op.answer.token for op in ops if isinstance(op.answer, TokenMismatch)}
    return [*sorted(named), "another token than any of these"]


def _one(ops: dict[int, Op], tail: int, token: str, literal: bool) -> Explanation | None:
    claims = _timestamps(ops.values())
    before = _contents_before(ops.values(), tail)
    if claims is None or before is None or _resurrected(list(ops.values())):
        return None
    log = [
        model.Record(before[p][0], before[p][1], _latest(claims, p)) if p in before
        else model.Record(None, model.PAGE_BYTES, _latest(claims, p))
        for p in range(tail)
    ]  # fmt: skip
    search = _Search(ops, claims, literal)
    return search.run(model.State(tail, token, tail), tuple(log), frozenset(range(tail + 1)))


# -- what does not depend on the order


def _timestamps(ops: Iterable[Op]) -> dict[int, int] | None:
    """The timestamp (ms) that answers tell of each position; None where they contradict each other or decrease."""
    told: dict[int, set[int]] = {}
    for op in ops:
        for seq_num, timestamp in _told(op):
            if seq_num >= 0:
                told.setdefault(seq_num, set()).add(timestamp)
    known = {seq_num: min(timestamps) for seq_num, timestamps in sorted(told.items())}
    if any(len(timestamps) > 1 for timestamps in told.values()) or list(known.values()) != sorted(known.values()):
        return None
    return known


def _told(op: Op) -> Iterator[tuple[int, int]]:
    match op.answer:
        case Ack(start, end, tail):
            yield start
            yield end[0] - 1, end[1]
            yield tail[0] - 1, tail[1]
        case Tail(tail) | Unsatisfiable(tail):
            yield tail[0] - 1, tail[1]
        case Batch(seen, _):
            yield from ((one.seq_num, one.timestamp) for one in seen)
        case _:
            pass


def _latest(known: dict[int, int], seq_num: int) -> int:
    """The latest timestamp that the record at a position can have."""
    return next((timestamp for other, timestamp in known.items() if other >= seq_num), LATEST)


def _contents_before(ops: Iterable[Op], tail: int) -> dict[int, tuple[int, int]] | None:
    """Digest and size of what lay below the first tail, as far as it was read; None if it is not of one piece."""
    ops = list(ops)
    sent = {rec.digest for op in ops for rec in op.records if rec.fence is None and rec.trim is None}
    found: dict[int, tuple[int, int]] = {}
    for op in ops:
        for one in op.answer.seen if isinstance(op.answer, Batch) else ():
            content = one.rec.digest, one.rec.metered
            if one.seq_num < tail and (found.setdefault(one.seq_num, content) != content or one.rec.digest in sent):
                return None
    return found


def _resurrected(ops: Sequence[Op]) -> bool:
    """Whether a record was seen to be gone, and later returned. Only what came before in time counts, or in process."""
    for op in ops:
        if isinstance(op.answer, Batch) and op.answer.seen:
            present = {one.seq_num for one in op.answer.seen}
            first = op.read.seq_num if op.read.seq_num is not None else min(present)
            gone = set(range(first, max(present))) - present
            for other in ops:
                later = other.invoked > op.returned or (other.process == op.process and _index(ops, op, other))
                if later and isinstance(other.answer, Batch) and gone & {one.seq_num for one in other.answer.seen}:
                    return True
    return False


def _index(ops: Sequence[Op], earlier: Op, later: Op) -> bool:
    places = [i for i, op in enumerate(ops) if op is earlier or op is later]
    return len(places) == 2 and ops[places[0]] is earlier


# -- what does


@dataclass(frozen=True, slots=True)
class _Point:
    op: int
    call: Op
    second: bool = False

    @property
    def optional(self) -> bool:
        return isinstance(self.call.answer, Lost)

    @property
    def applies(self) -> bool:
        return self.call.kind == "append" and isinstance(self.call.answer, Ack | Lost) and not self.second

    @property
    def begins(self) -> bool:
        return isinstance(self.call.answer, Batch) and _begins_apart(self.call.read) and not self.second

    @property
    def matters(self) -> bool:
        """Whether what comes after depends on when it was."""
        return self.applies or self.begins


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a replay is. ``starts`` are where waiting reads have begun, by operation."""

    state: model.State
    log: tuple[model.Record, ...]
    boundaries: frozenset[int]
    starts: tuple[tuple[int, int | None], ...] = ()


class _Search:
    def __init__(self, ops: dict[int, Op], claims: dict[int, int], literal: bool) -> None:
        self._claims = claims
        self._literal = literal
        self._points = [point for op, call in ops.items() for point in _points(op, call)]
        self._before = [
            sum(1 << i for i, other in enumerate(self._points) if _precedes(other, point)) for point in self._points
        ]
        self._needed = sum(1 << i for i, point in enumerate(self._points) if not point.optional)
        self._seen: set[tuple[int, tuple[int, ...], tuple[tuple[int, int | None], ...]]] = set()

    def run(self, state: model.State, log: tuple[model.Record, ...], boundaries: frozenset[int]) -> Explanation | None:
        order = self._from(0, (), (), _Place(state, log, boundaries))
        return None if order is None else Explanation(tuple(dict.fromkeys(self._points[i].op for i in order)))

    def _from(
        self, done: int, order: tuple[int, ...], appended: tuple[int, ...], place: _Place
    ) -> tuple[int, ...] | None:
        due = self._due(done)
        if not self._literal:
            took = True
            while took:
                took = False
                for i in due:
                    if not self._points[i].matters and self._step(self._points[i], place) is not None:
                        done, order, took = done | 1 << i, (*order, i), True
                due = self._due(done)
            situation = done, appended, place.starts
            if situation in self._seen:
                return None
            self._seen.add(situation)
        if done & self._needed == self._needed:
            return order
        for i in due:
            point = self._points[i]
            if point.matters or self._literal:
                after = self._step(point, place)
                if after is not None:
                    more = (*appended, i) if point.applies else appended
                    found = self._from(done | 1 << i, (*order, i), more, after)
                    if found is not None:
                        return found
        return None

    def _due(self, done: int) -> list[int]:
        return [i for i, before in enumerate(self._before) if not done >> i & 1 and before & done == before]

    def _step(self, point: _Point, place: _Place) -> _Place | None:
        """The stream after the point; None if the model does not give the answer there."""
        state, op = place.state, point.call
        if point.begins:
            start = model.start_of(state, _query(op.read))
            return replace(place, starts=(*place.starts, (point.op, start)))
        if not point.applies:
            return place if _observes(point, place) else None
        conditions = model.Conditions(op.match, op.token)
        if isinstance(op.answer, Ack):
            start, end, tail = op.answer.start[0], op.answer.end[0], op.answer.tail[0]
            if tail < end or not model.acknowledges(state, conditions, len(op.records), start, end):
                return None
        elif model.refusal(state, conditions) is not None:
            return None
        batch = tuple(self._record(rec, seq_num) for seq_num, rec in enumerate(op.records, state.tail))
        after = model.applied(state, batch)
        return replace(place, state=after, log=place.log + batch, boundaries=place.boundaries | {after.tail})

    def _record(self, rec: Rec, seq_num: int) -> model.Record:
        return model.Record(rec.digest, rec.metered, _latest(self._claims, seq_num), rec.fence, rec.trim)


def _points(op: int, call: Op) -> list[_Point]:
    """The moments that an operation's answer speaks of; none where it says nothing."""
    match call.answer:
        case Lost():
            return [_Point(op, call)] if call.kind == "append" else []
        case Refused(_, status):
            return [_Point(op, call)] if call.kind == "append" and status == 412 else []
        case Ack(_, end, tail) if tail[0] > end[0]:
            return [_Point(op, call), _Point(op, call, second=True)]
        case Batch() if _begins_apart(call.read):
            return [_Point(op, call), _Point(op, call, second=True)]
        case _:
            return [_Point(op, call)]


def _precedes(a: _Point, b: _Point) -> bool:
    if a.op == b.op:
        return b.second and not a.second
    if a.call.returned < b.call.invoked:
        return True
    return a.call.process == b.call.process and a.op < b.op and not a.optional


def _observes(point: _Point, place: _Place) -> bool:
    state, op = place.state, point.call
    query = _query(op.read)
    match op.answer:
        case Ack(_, _, tail):
            return model.is_tail(state, tail[0])
        case Tail(tail):
            return model.is_tail(state, tail[0])
        case Unsatisfiable(tail):
            return model.is_unsatisfiable(state, query, tail[0])
        case TailMismatch(seq_num):
            return model.refusal(state, model.Conditions(op.match, op.token)) == model.SeqNumMismatch(seq_num)
        case TokenMismatch(token):
            return model.refusal(state, model.Conditions(op.match, op.token)) == model.TokenMismatch(token)
        case Refused():
            return model.refusal(state, model.Conditions(op.match, op.token)) is not None
        case Batch(seen, tail):
            answer = [model.Returned(one.seq_num, one.timestamp, one.rec.digest) for one in seen]
            if not query.waits:
                return model.reads(state, place.log, query, answer)
            start = dict(place.starts)[point.op] if point.second else query.seq_num
            followed = None if tail is None else tail[0]
            return model.follows(state, place.log, place.boundaries, query, start, answer, followed)
        case _:
            raise AssertionError(op)


def _begins_apart(read: values.Read) -> bool:
    query = _query(read)
    return query.waits and query.starts_at_tail


def _query(read: values.Read) -> model.Query:
    return model.Query(**{name: getattr(read, name) for name in values.Read.__slots__})
