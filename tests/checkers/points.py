"""The moments of operations, and which of them have to come before which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from fencepost.testing.operations import Ack, Batch, Lost, Op, Part, Refused, Unsatisfiable, Whole
from tests.checkers import model

ABSENT: Final = {"stream_not_found", "basin_not_found", "stream_deletion_pending", "basin_deletion_pending"}
"""The error codes that claim that there is no stream, or soon none."""


@dataclass(frozen=True, slots=True)
class Point:
    """A moment of an operation: the ``number``-th. ``asked`` and ``part`` are those of a piece of a read's answer."""

    op: int
    call: Op
    number: int = 0
    returned: float = 0
    begins: bool = False
    asked: model.Query = field(default_factory=model.Query)
    part: Part | None = None
    ends: bool = False

    @property
    def optional(self) -> bool:
        """May it never have been?"""
        return self.call.kind == "append" and isinstance(self.call.answer, Lost)

    @property
    def applies(self) -> bool:
        """Does it change the stream?"""
        return self.call.kind == "append" and isinstance(self.call.answer, Ack | Lost) and not self.number

    @property
    def matters(self) -> bool:
        """Whether what comes after depends on when it was, whatever state it finds."""
        return self.applies or self.begins

    @property
    def denies(self) -> bool:
        """Does it say that there is no stream?"""
        return self.part is None and not self.begins and denies(self.call)


def denies(call: Op) -> bool:
    return isinstance(call.answer, Refused) and call.answer.code in ABSENT


def all_points(ops: dict[int, Op], denials: bool = True) -> list[Point] | None:
    """The points of all operations; None where one was applied after the failure of its session.

    Without ``denials``, it says nothing that an answer claims the stream to be absent.
    """
    points = []
    for op, call in ops.items():
        failed = any(
            other < op and _share_session(call, earlier) and not isinstance(earlier.answer, Ack | Lost)
            for other, earlier in ops.items()
        )
        if failed and isinstance(call.answer, Ack):
            return None
        if not (failed and isinstance(call.answer, Lost)):
            points += [point for point in points_of(op, call) if denials or not point.denies]
    return points


def points_of(op: int, call: Op) -> list[Point]:
    """The moments that an operation's answer speaks of; none where it says nothing."""
    one = Point(op, call, 0, call.returned)
    if call.kind == "read" and not isinstance(call.answer, Whole):
        return _reading(op, call)
    match call.answer:
        case Lost() if call.kind != "append":
            return []
        case Refused(_, status) if not denies(call) and (call.kind != "append" or status != 412):
            return []
        case Ack(_, end, tail) if tail[0] > end[0]:
            return [one, replace(one, number=1)]
        case _:
            return [one]


def _reading(op: int, call: Op) -> list[Point]:
    """Its beginning, if that is apart; the parts of its answer; its end, if that says anything."""
    found: list[Point] = []
    first = query(call, ())
    apart = first.follows or call.session is not None
    if first.starts_at_tail and (call.parts or (isinstance(call.answer, Batch) and apart)):
        found.append(Point(op, call, 0, call.parts[0].time if call.parts else call.returned, True, first))
    for i, part in enumerate(call.parts):
        found.append(Point(op, call, len(found), part.time, False, query(call, call.parts[:i]), part))
    last = Point(op, call, len(found), call.returned, False, query(call, call.parts), ends=True)
    match call.answer:
        case Batch(seen, tail):
            found.append(replace(last, part=Part(0, seen, tail)))
        case Unsatisfiable():
            found.append(last)
        case _ if denies(call):
            found.append(last)
    return found


def follows(call: Op) -> bool:
    limits = call.read.count, call.read.bytes, call.read.until
    return bool(call.read.wait) or (call.session is not None and limits == (None, None, None))


def query(call: Op, parts: Sequence[Part]) -> model.Query:
    """What is still asked for after these parts of the answer."""
    read, seen = call.read, [one for part in parts for one in part.seen]
    count, size = read.count, read.bytes
    if call.session is None:
        count = model.PAGE_RECORDS if count is None else min(count, model.PAGE_RECORDS)
        size = model.PAGE_BYTES if size is None else min(size, model.PAGE_BYTES)
    count = None if count is None else count - len(seen)
    size = None if size is None else size - sum(one.rec.metered for one in seen)
    asked = model.Query(count=count, bytes=size, until=read.until, follows=follows(call))
    if seen:
        return replace(asked, seq_num=seen[-1].seq_num + 1, continued=True)
    start = {name: getattr(read, name) for name in ("seq_num", "timestamp", "tail_offset", "clamp")}
    return replace(asked, **start)


def precedes(a: Point, b: Point) -> bool:
    if a.op == b.op:
        return a.number < b.number
    if a.returned < b.call.invoked:
        return True
    if _share_session(a.call, b.call):
        return a.op < b.op and not a.number and not b.number and (b.applies or not a.optional)
    return a.call.process == b.call.process and a.op < b.op and not a.optional


def bars(a: Point, b: Point) -> bool:
    """Whether b cannot come after a: a batch of unknown outcome, once a later one of its session was refused."""
    return _share_session(a.call, b.call) and b.op < a.op and b.optional and not a.applies and not a.number


def _share_session(a: Op, b: Op) -> bool:
    return a.kind == b.kind == "append" and a.session is not None and a.session == b.session
