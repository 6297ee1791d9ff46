"""The judge of the judge: whether *some* order of a small history explains every answer, found by trying them.

Every operation is one point of time (or two, see ``checkers/model.py``) inside its closed interval. An order is any
sequence of all points of definite operations, and of any subset of the indefinite appends, that respects real time
(what returned before another was invoked comes first) and process order (even at one instant of the clock: a process
invokes nothing before it has its last answer, be the new operation's end known or not). It explains the history if the
sequential model gives every answer at its point. The search shares nothing with the checker's algorithm but that model.

Two shortcuts, each harmless: an observation that is due and explained is taken at once (it changes nothing, unless it
keeps a lost batch of its session from ever coming, and waiting for it can only keep others back), and a situation seen
before is not tried again. ``literal=True`` does without.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from fencepost.checkers import model
from fencepost.testing import by_invocation, stream_hash_after
from fencepost.testing.operations import Ack, Op, Refused, Tail, TailMismatch, TokenMismatch, Unsatisfiable, Whole
from tests.checkers.consistency import contents_before, goes_back, latest, resurrected, timestamps
from tests.checkers.points import Point, all_points, bars, precedes


@dataclass(frozen=True, slots=True)
class Explanation:
    """The ids of the operations in an order that explains every answer, the applied indefinite appends among them."""

    order: tuple[int, ...]


def explain(
    ops: Iterable[Op], tail: int = 0, token: str | None = "", *, unique: bool = True, literal: bool = False
) -> Explanation | None:
    """An order that explains the operations, from this state on; None if there is none. Streams are independent.

    ``unique``: what lay there before was not sent again (commands excepted).
    """
    ordered = by_invocation(ops)
    order: list[int] = []
    for stream in dict.fromkeys(op.stream for op in ordered):
        own = {i: op for i, op in enumerate(ordered) if op.stream == stream}
        found = next(
            (f for first in _first_tokens(own.values(), token) if (f := _one(own, tail, first, unique, literal))), None
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


def _one(ops: dict[int, Op], tail: int, token: str, unique: bool, literal: bool) -> Explanation | None:
    claims = timestamps(ops.values())
    before = contents_before(ops.values(), tail, unique)
    if claims is None or before is None or resurrected(list(ops.values())) or goes_back(ops.values()):
        return None
    log = [
        model.Record(before[p][0], before[p][1], latest(claims, p)) if p in before
        else model.Record(None, model.PAGE_BYTES, latest(claims, p))
        for p in range(tail)
    ]  # fmt: skip
    known = [before[p][0] for p in range(tail) if p in before]
    hashed = any(isinstance(op.answer, Whole) for op in ops.values())  # else no answer depends on the hash
    chained = stream_hash_after(0, known) if hashed and len(known) == tail else None
    points = all_points(ops)
    if points is None:
        return None
    search = _Search(points, claims, literal)
    return search.run(_Place(model.State(tail, token, tail), tuple(log), frozenset(range(tail + 1)), chained))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a replay is. ``starts`` are where reads have begun, by operation; ``chained`` the hash of the log."""

    state: model.State
    log: tuple[model.Record, ...]
    boundaries: frozenset[int]
    chained: int | None
    starts: tuple[tuple[int, int | None], ...] = ()


class _Search:
    def __init__(self, points: list[Point], claims: dict[int, int], literal: bool) -> None:
        self._claims = claims
        self._literal = literal
        self._points = points
        self._before = [sum(1 << i for i, other in enumerate(points) if precedes(other, point)) for point in points]
        self._barred = [sum(1 << i for i, other in enumerate(points) if bars(other, point)) for point in points]
        barring = 0
        for mask in self._barred:
            barring |= mask
        self._matters = [point.matters or bool(barring >> i & 1) for i, point in enumerate(points)]
        self._needed = sum(1 << i for i, point in enumerate(points) if not point.optional)
        self._seen: set[tuple[int, tuple[int, ...], tuple[tuple[int, int | None], ...], int | None]] = set()
        self._batches: dict[tuple[int, int], tuple[model.Record, ...]] = {}

    def run(self, place: _Place) -> Explanation | None:
        order = self._from(0, (), (), place)
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
                    if not self._matters[i] and (after := self._step(self._points[i], place)) is not None:
                        done, order, took, place = done | 1 << i, (*order, i), True, after
                due = self._due(done)
            situation = done, appended, place.starts, place.chained
            if situation in self._seen:
                return None
            self._seen.add(situation)
        if done & self._needed == self._needed:
            return order
        for i in due:
            point = self._points[i]
            if self._matters[i] or self._literal:
                after = self._step(point, place)
                if after is not None:
                    more = (*appended, i) if point.applies else appended
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

    def _step(self, point: Point, place: _Place) -> _Place | None:
        """The stream after the point; None if the model does not give the answer there."""
        state, op = place.state, point.call
        if point.begins:
            begun = model.start_of(state, point.asked)
            if begun is not None and begun >= state.tail and not point.asked.waits:
                return None
            return _Place(state, place.log, place.boundaries, place.chained, (*place.starts, (point.op, begun)))
        if isinstance(op.answer, Whole):
            known = place.chained in (None, op.answer.stream_hash) and model.is_tail(state, op.answer.tail[0])
            return _Place(state, place.log, place.boundaries, op.answer.stream_hash, place.starts) if known else None
        if not point.applies:
            return place if _observes(point, place) else None
        conditions = model.Conditions(op.match, op.token)
        if isinstance(op.answer, Ack):
            start, end, tail = op.answer.start[0], op.answer.end[0], op.answer.tail[0]
            if tail < end or not model.acknowledges(state, conditions, len(op.records), start, end):
                return None
        elif model.refusal(state, conditions) is not None:
            return None
        batch = self._batch(point, state.tail)
        after = model.applied(state, batch)
        chained = place.chained
        if chained is not None:
            chained = stream_hash_after(chained, (rec.digest for rec in op.records))
        return _Place(after, place.log + batch, place.boundaries | {after.tail}, chained, place.starts)

    def _batch(self, point: Point, start: int) -> tuple[model.Record, ...]:
        """The records of an append as they lie from there on."""
        batch = self._batches.get((point.op, start))
        if batch is None:
            batch = self._batches[point.op, start] = tuple(
                model.Record(rec.digest, rec.metered, latest(self._claims, seq_num), rec.fence, rec.trim)
                for seq_num, rec in enumerate(point.call.records, start)
            )
        return batch


def _observes(point: Point, place: _Place) -> bool:
    state, op = place.state, point.call
    if op.kind == "read":
        return _reads(point, place)
    match op.answer:
        case Ack(_, _, tail):
            return model.is_tail(state, tail[0])
        case Tail(tail):
            return model.is_tail(state, tail[0])
        case TailMismatch(seq_num):
            return model.refusal(state, model.Conditions(op.match, op.token)) == model.SeqNumMismatch(seq_num)
        case TokenMismatch(token):
            return model.refusal(state, model.Conditions(op.match, op.token)) == model.TokenMismatch(token)
        case Refused():
            return model.refusal(state, model.Conditions(op.match, op.token)) is not None
        case _:
            raise AssertionError(op)


def _reads(point: Point, place: _Place) -> bool:
    state, query = place.state, point.asked
    begun = dict(place.starts)
    if point.op in begun and not query.continued and begun[point.op] is not None:
        query = replace(query, seq_num=begun[point.op], tail_offset=None, clamp=False)
    if point.part is None:
        assert isinstance(point.call.answer, Unsatisfiable)
        return model.is_unsatisfiable(state, query, point.call.answer.tail[0])
    answer = [model.Returned(one.seq_num, one.timestamp, one.rec.digest) for one in point.part.seen]
    if not query.waits:
        return model.reads(state, place.log, query, answer)
    followed = None if point.part.tail is None else point.part.tail[0]
    return model.follows(state, place.log, place.boundaries, query, query.seq_num, answer, followed)
