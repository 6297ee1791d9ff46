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

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from fencepost.checkers import model
from tests.checkers.histories import by_invocation, stream_hash_after
from tests.checkers.operations import (
    Ack,
    Batch,
    Lost,
    Op,
    Part,
    Rec,
    Refused,
    Seen,
    Tail,
    TailMismatch,
    TokenMismatch,
    Unsatisfiable,
    Whole,
)

LATEST = 2**62
"""The timestamp of a record of which nobody knows anything."""


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
    claims = _timestamps(ops.values())
    before = _contents_before(ops.values(), tail, unique)
    if claims is None or before is None or _resurrected(list(ops.values())) or _goes_back(ops.values()):
        return None
    log = [
        model.Record(before[p][0], before[p][1], _latest(claims, p)) if p in before
        else model.Record(None, model.PAGE_BYTES, _latest(claims, p))
        for p in range(tail)
    ]  # fmt: skip
    known = [before[p][0] for p in range(tail) if p in before]
    chained = stream_hash_after(0, known) if len(known) == tail else None
    points = _all_points(ops)
    if points is None:
        return None
    search = _Search(points, claims, literal)
    return search.run(_Place(model.State(tail, token, tail), tuple(log), frozenset(range(tail + 1)), chained))


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
        case Tail(tail) | Unsatisfiable(tail) | Whole(tail):
            yield tail[0] - 1, tail[1]
        case _:
            pass
    yield from ((one.seq_num, one.timestamp) for one in _returned(op))


def _returned(op: Op) -> list[Seen]:
    """Every record that a read returned."""
    rest = op.answer.seen if isinstance(op.answer, Batch) else ()
    return [one for seen in (*(part.seen for part in op.parts), rest) for one in seen]


def _latest(known: dict[int, int], seq_num: int) -> int:
    """The latest timestamp that the record at a position can have."""
    return next((timestamp for other, timestamp in known.items() if other >= seq_num), LATEST)


def _contents_before(ops: Iterable[Op], tail: int, unique: bool) -> dict[int, tuple[int, int]] | None:
    """Digest and size of what lay below the first tail, as far as it was read; None if it is not of one piece."""
    ops = list(ops)
    sent = {rec.digest for op in ops for rec in op.records if rec.fence is None and rec.trim is None}
    found: dict[int, tuple[int, int]] = {}
    for op in ops:
        for one in _returned(op):
            content = one.rec.digest, one.rec.metered
            if one.seq_num >= tail:
                continue
            if found.setdefault(one.seq_num, content) != content or (unique and one.rec.digest in sent):
                return None
    return found


def _resurrected(ops: Sequence[Op]) -> bool:
    """Whether a record was seen to be gone, and later returned. Only what came before in time counts, or in process."""
    for index, op in enumerate(ops):
        for gone, time in _gone(op):
            for place, other in enumerate(ops):
                after = other.process == op.process and place > index
                later = set[int]()
                if other.invoked > time or after:
                    later = {one.seq_num for one in _returned(other)}
                    later |= set(range(other.answer.tail[0])) if isinstance(other.answer, Whole) else set()
                if gone & later:
                    return True
    return False


def _gone(op: Op) -> Iterator[tuple[set[int], float]]:
    """What each part of an answer left out before and between its records, and when that was known."""
    start = op.read.seq_num
    rest = [(op.answer.seen, op.returned)] if isinstance(op.answer, Batch) else []
    for seen, time in (*((part.seen, part.time) for part in op.parts), *rest):
        if seen:
            present = {one.seq_num for one in seen}
            first = start if start is not None else min(present)
            yield set(range(first, max(present))) - present, time
            start = seen[-1].seq_num + 1


def _goes_back(ops: Iterable[Op]) -> bool:
    """Whether what one read says of the tail is less than what it had said, or returned, before."""
    for op in ops:
        least = 0
        rest = [Part(0, op.answer.seen, op.answer.tail)] if isinstance(op.answer, Batch) and _follows(op) else []
        for part in (*op.parts, *rest):
            if part.tail is not None:
                if part.tail[0] < least:
                    return True
                least = part.tail[0]
            least = max(least, part.seen[-1].seq_num + 1) if part.seen else least
    return False


# -- what does


@dataclass(frozen=True, slots=True)
class _Point:
    """A moment of an operation: the ``number``-th. ``asked`` and ``part`` are those of a piece of a read's answer."""

    op: int
    call: Op
    number: int = 0
    returned: float = 0
    begins: bool = False
    asked: model.Query = field(default_factory=model.Query)
    part: Part | None = None

    @property
    def optional(self) -> bool:
        return self.call.kind == "append" and isinstance(self.call.answer, Lost)

    @property
    def applies(self) -> bool:
        return self.call.kind == "append" and isinstance(self.call.answer, Ack | Lost) and not self.number

    @property
    def matters(self) -> bool:
        """Whether what comes after depends on when it was."""
        return self.applies or self.begins


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a replay is. ``starts`` are where reads have begun, by operation; ``chained`` the hash of the log."""

    state: model.State
    log: tuple[model.Record, ...]
    boundaries: frozenset[int]
    chained: int | None
    starts: tuple[tuple[int, int | None], ...] = ()


class _Search:
    def __init__(self, points: list[_Point], claims: dict[int, int], literal: bool) -> None:
        self._claims = claims
        self._literal = literal
        self._points = points
        self._before = [sum(1 << i for i, other in enumerate(points) if _precedes(other, point)) for point in points]
        self._barred = [sum(1 << i for i, other in enumerate(points) if _bars(other, point)) for point in points]
        bars = 0
        for mask in self._barred:
            bars |= mask
        self._matters = [point.matters or bool(bars >> i & 1) for i, point in enumerate(points)]
        self._needed = sum(1 << i for i, point in enumerate(points) if not point.optional)
        self._seen: set[tuple[int, tuple[int, ...], tuple[tuple[int, int | None], ...], int | None]] = set()

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

    def _step(self, point: _Point, place: _Place) -> _Place | None:
        """The stream after the point; None if the model does not give the answer there."""
        state, op = place.state, point.call
        if point.begins:
            begun = model.start_of(state, point.asked)
            if begun is not None and begun >= state.tail and not point.asked.waits:
                return None
            return replace(place, starts=(*place.starts, (point.op, begun)))
        if isinstance(op.answer, Whole):
            known = place.chained in (None, op.answer.stream_hash) and model.is_tail(state, op.answer.tail[0])
            return replace(place, chained=op.answer.stream_hash) if known else None
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
        chained = place.chained
        return replace(
            place,
            state=after,
            log=place.log + batch,
            boundaries=place.boundaries | {after.tail},
            chained=None if chained is None else stream_hash_after(chained, (rec.digest for rec in op.records)),
        )

    def _record(self, rec: Rec, seq_num: int) -> model.Record:
        return model.Record(rec.digest, rec.metered, _latest(self._claims, seq_num), rec.fence, rec.trim)


# -- the points


def _all_points(ops: dict[int, Op]) -> list[_Point] | None:
    """The points of all operations; None where one was applied after the failure of its session."""
    points = []
    for op, call in ops.items():
        failed = any(
            other < op and _share_session(call, earlier) and not isinstance(earlier.answer, Ack | Lost)
            for other, earlier in ops.items()
        )
        if failed and isinstance(call.answer, Ack):
            return None
        if not (failed and isinstance(call.answer, Lost)):
            points += _points(op, call)
    return points


def _points(op: int, call: Op) -> list[_Point]:
    """The moments that an operation's answer speaks of; none where it says nothing."""
    one = _Point(op, call, 0, call.returned)
    if call.kind == "read" and not isinstance(call.answer, Whole):
        return _reading(op, call)
    match call.answer:
        case Lost() if call.kind != "append":
            return []
        case Refused(_, status) if call.kind != "append" or status != 412:
            return []
        case Ack(_, end, tail) if tail[0] > end[0]:
            return [one, replace(one, number=1)]
        case _:
            return [one]


def _reading(op: int, call: Op) -> list[_Point]:
    """Its beginning, if that is apart; the parts of its answer; its end, if that says anything."""
    found: list[_Point] = []
    ended = isinstance(call.answer, Batch | Unsatisfiable)
    following = _follows(call)
    first = _query(call, ())
    apart = following or call.session is not None
    if first.starts_at_tail and (call.parts or (isinstance(call.answer, Batch) and apart)):
        found.append(_Point(op, call, 0, call.parts[0].time if call.parts else call.returned, True, first))
    for i, part in enumerate(call.parts):
        asked = _query(call, call.parts[:i])
        asked = asked if asked.waits else replace(asked, wait=1)
        found.append(_Point(op, call, len(found), part.time, False, asked, part))
    if ended:
        rest = Part(0, call.answer.seen, call.answer.tail) if isinstance(call.answer, Batch) else None
        found.append(_Point(op, call, len(found), call.returned, False, _query(call, call.parts), rest))
    return found


def _follows(call: Op) -> bool:
    limits = call.read.count, call.read.bytes, call.read.until
    return bool(call.read.wait) or (call.session is not None and limits == (None, None, None))


def _query(call: Op, parts: Sequence[Part]) -> model.Query:
    """What is still asked for after these parts of the answer."""
    read, unary, seen = call.read, call.session is None, [one for part in parts for one in part.seen]
    count, size = read.count, read.bytes
    if seen and unary:
        count = model.PAGE_RECORDS if count is None else min(count, model.PAGE_RECORDS)
        size = model.PAGE_BYTES if size is None else min(size, model.PAGE_BYTES)
    bounds = {
        "count": count if count is None else count - len(seen),
        "bytes": size if size is None else size - sum(one.rec.metered for one in seen),
        "until": read.until,
        "wait": max(read.wait or 0, 1) if _follows(call) else read.wait,
        "unary": unary,
    }
    if seen:
        return model.Query(seq_num=seen[-1].seq_num + 1, continued=True, **bounds)  # type: ignore[arg-type]
    start = {name: getattr(read, name) for name in ("seq_num", "timestamp", "tail_offset", "clamp")}
    return model.Query(**start, **bounds)


def _precedes(a: _Point, b: _Point) -> bool:
    if a.op == b.op:
        return a.number < b.number
    if a.returned < b.call.invoked:
        return True
    if _share_session(a.call, b.call):
        return a.op < b.op and not a.number and not b.number and (b.applies or not a.optional)
    return a.call.process == b.call.process and a.op < b.op and not a.optional


def _bars(a: _Point, b: _Point) -> bool:
    """Whether b cannot come after a: a batch of unknown outcome, once a later one of its session was refused."""
    return _share_session(a.call, b.call) and b.op < a.op and b.optional and not a.applies and not a.number


def _share_session(a: Op, b: Op) -> bool:
    return a.kind == b.kind == "append" and a.session is not None and a.session == b.session


def _observes(point: _Point, place: _Place) -> bool:
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


def _reads(point: _Point, place: _Place) -> bool:
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
