"""The judge of the judge: whether *some* order of a small history explains every answer, found by trying them.

Every operation is one point of time (or a few, see :mod:`.model`) inside its closed interval. An order is any
sequence of all points of definite operations, and of any subset of the indefinite appends, that respects real time
(what returned before another was invoked comes first) and process order (even at one instant of the clock: a process
invokes nothing before it has its last answer, be the new operation's end known or not). It explains the history if the
sequential model gives every answer at its point. Where the model gives several reasons for an answer, each is tried.
The search shares nothing with the checkers.

Two shortcuts, each harmless: an observation that is due, and explained without anything new (a record gone, a
timestamp narrowed), is taken at once: it changes nothing (unless it keeps a lost batch of its session from ever
coming), and waiting for it can only keep others back. And a situation seen before is not tried again. ``literal=True``
does without.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from fencepost.testing import by_invocation, stream_hash_after
from fencepost.testing.operations import Ack, Op, Refused, Tail, TailMismatch, TokenMismatch, Unsatisfiable, Whole
from tests.checkers import model
from tests.checkers.consistency import contents_before, goes_back, is_deleted, times, timestamps
from tests.checkers.points import Point, all_points, bars, precedes


@dataclass(frozen=True, slots=True)
class Explanation:
    """The ids of the operations in an order that explains every answer, the applied indefinite appends among them."""

    order: tuple[int, ...]


def explain(
    ops: Iterable[Op],
    tail: int = 0,
    token: str | None = "",
    *,
    unique: bool = True,
    others_may_delete: bool = False,
    retention_ms: int | None = None,
    literal: bool = False,
) -> Explanation | None:
    """An order that explains the operations, from this state on; None if there is none. Streams are independent.

    ``unique``: what lay there before was not sent again (commands excepted). With ``others_may_delete`` any answer may
    claim that the stream is absent, with ``retention_ms`` any record may be gone.
    """
    ordered = by_invocation(ops)
    order: list[int] = []
    for stream in dict.fromkeys(op.stream for op in ordered):
        own = {i: op for i, op in enumerate(ordered) if op.stream == stream}
        denials = not others_may_delete and not is_deleted(own.values())
        known = known_of(own, tail, unique, denials, retention_ms is not None)
        tokens = _first_tokens(own.values(), token)
        searches = (Search(known, literal).run(first) for first in tokens) if known is not None else ()
        found = next((explanation for explanation in searches if explanation is not None), None)
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


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a stream whatever the order: its points and what lay there before, but the first token."""

    points: list[Point]
    log: tuple[model.Record, ...]
    times: model.Times
    chained: int | None
    expire: bool
    shown: bool

    def place(self, token: str) -> Place:
        """Where a replay begins."""
        tail = len(self.log)
        state = model.State(tail, token, tail, self.times, expire=self.expire, shown=self.shown)
        return Place(state, self.log, frozenset(range(tail + 1)), self.chained)


def known_of(ops: dict[int, Op], tail: int, unique: bool, denials: bool = True, expire: bool = False) -> Known | None:
    """What is known of a stream; None where answers contradict each other in any order."""
    claims = timestamps(ops.values())
    before = contents_before(ops.values(), tail, unique)
    points = all_points(ops, denials)
    if claims is None or before is None or points is None or goes_back(ops.values()):
        return None
    log = tuple(model.Record(*before.get(p, (None, model.PAGE_BYTES))) for p in range(tail))
    digests = [before[p][0] for p in range(tail) if p in before]
    chained = stream_hash_after(0, digests) if len(digests) == tail else None
    most = tail + sum(len(op.records) for op in ops.values())
    shown = not any(point.denies for point in points)  # nobody asks, then
    return Known(points, log, times(claims, most), chained, expire, shown)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a replay is. ``starts`` are where reads have begun, by operation; ``chained`` the hash of the log."""

    state: model.State
    log: tuple[model.Record, ...]
    boundaries: frozenset[int]
    chained: int | None
    starts: tuple[tuple[int, int | None], ...] = ()


class Search:
    """All orders of the points of a stream."""

    def __init__(self, known: Known, literal: bool) -> None:
        self._known = known
        self._literal = literal
        self._points = points = known.points
        self._before = [sum(1 << i for i, other in enumerate(points) if precedes(other, point)) for point in points]
        self._barred = [sum(1 << i for i, other in enumerate(points) if bars(other, point)) for point in points]
        barring = 0
        for mask in self._barred:
            barring |= mask
        self._matters = [point.matters or bool(barring >> i & 1) for i, point in enumerate(points)]
        self._needed = sum(1 << i for i, point in enumerate(points) if not point.optional)
        self._seen: set[object] = set()

    def run(self, token: str) -> Explanation | None:
        """An order that explains every answer, if the stream began with this token."""
        order = self._from(0, (), (), self._known.place(token))
        return None if order is None else Explanation(tuple(dict.fromkeys(self._points[i].op for i in order)))

    def _from(
        self, done: int, order: tuple[int, ...], appended: tuple[int, ...], place: Place
    ) -> tuple[int, ...] | None:
        due = self._due(done)
        if not self._literal:
            took = True
            while took:
                took = False
                for i in due:
                    if not self._matters[i] and place in after_point(self._points[i], place):
                        done, order, took = done | 1 << i, (*order, i), True
                due = self._due(done)
            state = place.state
            situation = done, appended, place.starts, place.chained, state.gone, state.times, state.shown
            if situation in self._seen:
                return None
            self._seen.add(situation)
        if done & self._needed == self._needed:
            return order
        for i in due:
            point = self._points[i]
            more = (*appended, i) if point.applies else appended
            for after in after_point(point, place):
                found = self._from(done | 1 << i, (*order, i), more, after)
                if found is not None:
                    return found
        return None

    def _due(self, done: int) -> list[int]:
        return [
            i
            for i, before in enumerate(self._before)
            if not done >> i & 1 and before & done == before and not self._barred[i] & done
        ]


def after_point(point: Point, place: Place) -> Sequence[Place]:
    """The places in which a replay may be after the point; none if the model does not give the answer there."""
    found = list(_answered(point, place))
    if point.denies or point.optional or place.state.shown:
        return found
    return [replace(after, state=replace(after.state, shown=True)) for after in found]


def _answered(point: Point, place: Place) -> Iterator[Place]:
    state, op = place.state, point.call
    if point.begins:
        if not model.is_out_of_range(state, point.asked):
            yield replace(place, starts=(*place.starts, (point.op, model.start_of(state, point.asked))))
    elif point.applies:
        yield from _appended(op, place)
    elif point.denies:
        if not state.shown:
            yield place
    elif isinstance(op.answer, Whole):
        known = place.chained in (None, op.answer.stream_hash) and model.is_tail(state, op.answer.tail[0])
        if known and model.is_whole(state):
            yield replace(place, chained=op.answer.stream_hash)
    elif op.kind == "read":
        for after in _read(point, place):
            yield place if after is state else replace(place, state=after)
    elif _observes(op, state):
        yield place


def _appended(op: Op, place: Place) -> Iterator[Place]:
    state, conditions = place.state, model.Conditions(op.match, op.token)
    if isinstance(op.answer, Ack):
        start, end, tail = op.answer.start[0], op.answer.end[0], op.answer.tail[0]
        if tail < end or not model.acknowledges(state, conditions, len(op.records), start, end):
            return
    elif model.refusal(state, conditions) is not None:
        return
    batch = tuple(model.Record(rec.digest, rec.metered, rec.fence, rec.trim) for rec in op.records)
    after = model.applied(state, batch)
    digests = [rec.digest for rec in op.records]
    chained = None if place.chained is None else stream_hash_after(place.chained, digests)
    boundaries = place.boundaries | {after.tail}
    yield replace(place, state=after, log=place.log + batch, boundaries=boundaries, chained=chained)


def _observes(op: Op, state: model.State) -> bool:
    refusal = model.refusal(state, model.Conditions(op.match, op.token))
    match op.answer:
        case Ack(_, _, tail) | Tail(tail):
            return model.is_tail(state, tail[0])
        case TailMismatch(seq_num):
            return refusal == model.SeqNumMismatch(seq_num)
        case TokenMismatch(token):
            return refusal == model.TokenMismatch(token)
        case Refused():
            return refusal is not None
        case _:
            raise AssertionError(op)


def _read(point: Point, place: Place) -> Iterator[model.State]:
    state, query = place.state, point.asked
    begun = dict(place.starts)
    if point.op in begun and not query.continued and begun[point.op] is not None:
        query = replace(query, seq_num=begun[point.op], tail_offset=None, clamp=False)
    if point.part is None:
        assert isinstance(point.call.answer, Unsatisfiable)
        if not point.number:
            yield from model.unsatisfiable(state, query, point.call.answer.tail[0])
        return
    answer = [model.Returned(one.seq_num, one.timestamp, one.rec.digest, one.rec.metered) for one in point.part.seen]
    if point.ends and not query.follows:
        yield from model.reads(state, place.log, query, answer)
    else:
        followed = None if point.part.tail is None else point.part.tail[0]
        yield from model.reads_on(state, place.log, place.boundaries, query, answer, followed)
