"""Damage to what a read was due by what it asked for: its bounds, its timestamp, what was gone, a stream at all."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from msgspec import structs

from fencepost.testing.operations import Ack, Batch, Lost, Op, Refused, Seen, Tail, Unsatisfiable
from tests.checkers.changing import picked, with_changes


def _answered(random: Random, ops: list[Op]) -> tuple[int, Batch] | None:
    """One of the reads that returned something at their end, by its place."""
    found = [(i, op.answer) for i, op in enumerate(ops) if isinstance(op.answer, Batch) and op.answer.seen]
    return random.choice(found) if found else None


def _seen(ops: list[Op]) -> list[Seen]:
    ends = [op.answer.seen for op in ops if isinstance(op.answer, Batch)]
    return [one for seen in (*ends, *(part.seen for op in ops for part in op.parts)) for one in seen]


def exceed_bounds(random: Random, ops: list[Op]) -> list[Op] | None:
    """It had asked for a little less than it got."""
    if (found := _answered(random, ops)) is None:
        return None
    i, answer = found
    changes: list[dict[str, int]] = [
        {"count": len(answer.seen) - 1},
        {"bytes": sum(one.rec.metered for one in answer.seen) - 1},
        {"until": answer.seen[-1].timestamp},
    ]
    return with_changes(ops, i, read=structs.replace(ops[i].read, **random.choice(changes)))


def skip_by_timestamp(random: Random, ops: list[Op]) -> list[Op] | None:
    """It had asked for everything since some time, and got that but for the first records."""
    if (found := _answered(random, ops)) is None:
        return None
    i, answer = found
    first = random.randint(min(1, len(answer.seen) - 1), len(answer.seen) - 1)
    seen = answer.seen[first:]
    since = max(0, answer.seen[max(0, first - 1)].timestamp - random.choice((0, 0, 1, 2)))
    read = structs.replace(ops[i].read, seq_num=None, tail_offset=None, timestamp=since)
    return with_changes(ops, i, read=read, answer=replace(answer, seen=seen))


def shift_time(random: Random, ops: list[Op]) -> list[Op] | None:
    """It had asked for a little more, or less, by time."""
    places = [
        (i, name, time)
        for i, op in enumerate(ops)
        for name in ("timestamp", "until")
        if (time := getattr(op.read, name)) is not None
    ]
    if not places:
        return None
    i, name, time = random.choice(places)
    shifted = {name: max(0, time + random.choice((-4, -2, -1, 1, 2, 4)))}
    return with_changes(ops, i, read=structs.replace(ops[i].read, **shifted))


def refuse_by_timestamp(random: Random, ops: list[Op]) -> list[Op] | None:
    """A 416, although there may be a record of that time."""
    i = picked(random, ops, Batch, Unsatisfiable)
    if i is None or ops[i].parts:
        return None
    tails = [op.answer.end if isinstance(op.answer, Ack) else op.answer.tail for op in ops if _names_tail(op)]
    times = [one.timestamp for one in _seen(ops)] + [time for _, time in tails]
    if not tails:
        return None
    since = max(0, random.choice(times) + random.choice((-1, 0, 0, 1)))
    read = structs.replace(ops[i].read, seq_num=None, tail_offset=None, timestamp=since)
    return with_changes(ops, i, read=read, answer=Unsatisfiable(random.choice(tails)))


def _names_tail(op: Op) -> bool:
    return isinstance(op.answer, Ack | Tail | Unsatisfiable) and None not in (
        op.answer.end if isinstance(op.answer, Ack) else op.answer.tail
    )


def answer_nothing(random: Random, ops: list[Op]) -> list[Op] | None:
    """An empty answer, where a 416 was due."""
    i = picked(random, ops, Unsatisfiable)
    return None if i is None else with_changes(ops, i, answer=Batch(()))


def bring_back(random: Random, ops: list[Op]) -> list[Op] | None:
    """A read returns one more record, which another had returned; it may have been gone."""
    places = [(i, {one.seq_num for one in _seen([op])}) for i, op in enumerate(ops) if isinstance(op.answer, Batch)]
    more = [(i, one) for i, own in places for one in _seen(ops) if one.seq_num not in own]
    if not more:
        return None
    i, one = random.choice(more)
    answer = ops[i].answer
    assert isinstance(answer, Batch)
    seen = tuple(sorted((*answer.seen, one), key=lambda one: one.seq_num))
    return with_changes(ops, i, answer=replace(answer, seen=seen))


def deny_stream(random: Random, ops: list[Op]) -> list[Op] | None:
    """One operation, or all from some time on, are answered that there is no stream."""
    places = [i for i, op in enumerate(ops) if not isinstance(op.answer, Lost)]
    if not places:
        return None
    first = random.choice(places)
    absent = Refused(*random.choice((("stream_not_found", 404), ("basin_deletion_pending", 409))))
    denied = {first} if random.random() < 0.5 else {i for i in places if ops[i].invoked >= ops[first].invoked}
    return [replace(op, answer=absent, parts=()) if i in denied else op for i, op in enumerate(ops)]
