"""Damage to what reads returned and asked for, and to what was sent."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from msgspec import structs

from fencepost.testing.operations import Ack, Batch, Op, Rec, Seen, Tail, Unsatisfiable, Whole
from tests.checkers.changing import nearby, picked, with_changes


def _batch_of(random: Random, ops: list[Op], least: int) -> tuple[int, Batch, list[Seen]] | None:
    found = [i for i, op in enumerate(ops) if isinstance(op.answer, Batch) and len(op.answer.seen) >= least]
    if not found:
        return None
    i = random.choice(found)
    answer = ops[i].answer
    assert isinstance(answer, Batch)
    return i, answer, list(answer.seen)


def drop_record(random: Random, ops: list[Op]) -> list[Op] | None:
    if (found := _batch_of(random, ops, 1)) is None:
        return None
    i, answer, seen = found
    del seen[random.choice((0, len(seen) - 1, random.randrange(len(seen))))]
    return with_changes(ops, i, answer=replace(answer, seen=tuple(seen)))


def drop_end(random: Random, ops: list[Op]) -> list[Op] | None:
    if (found := _batch_of(random, ops, 1)) is None:
        return None
    i, answer, seen = found
    return with_changes(ops, i, answer=replace(answer, seen=tuple(seen[: random.randrange(len(seen))])))


def swap_records(random: Random, ops: list[Op]) -> list[Op] | None:
    if (found := _batch_of(random, ops, 2)) is None:
        return None
    i, answer, seen = found
    a, b = random.sample(range(len(seen)), 2)
    seen[a], seen[b] = replace(seen[a], rec=seen[b].rec), replace(seen[b], rec=seen[a].rec)
    return with_changes(ops, i, answer=replace(answer, seen=tuple(seen)))


def alter_record(random: Random, ops: list[Op]) -> list[Op] | None:
    if (found := _batch_of(random, ops, 1)) is None:
        return None
    i, answer, seen = found
    k = random.randrange(len(seen))
    sent = [rec for op in ops for rec in op.records] or [Rec("strange")]
    other = random.choice((Rec("strange"), random.choice(sent)))
    seen[k] = replace(seen[k], rec=other)
    return with_changes(ops, i, answer=replace(answer, seen=tuple(seen)))


def repeat_record(random: Random, ops: list[Op]) -> list[Op] | None:
    if (found := _batch_of(random, ops, 1)) is None:
        return None
    i, answer, seen = found
    copied = random.choice(seen)
    seen.append(replace(copied, seq_num=seen[-1].seq_num + random.choice((1, 1, 0)), timestamp=seen[-1].timestamp))
    return with_changes(ops, i, answer=replace(answer, seen=tuple(seen)))


def move_records(random: Random, ops: list[Op]) -> list[Op] | None:
    if (found := _batch_of(random, ops, 1)) is None:
        return None
    i, answer, seen = found
    by = random.choice((-1, 1))
    if seen[0].seq_num + by < 0:
        return None
    seen = [replace(one, seq_num=one.seq_num + by) for one in seen]
    return with_changes(ops, i, answer=replace(answer, seen=tuple(seen)))


def change_timestamp(random: Random, ops: list[Op]) -> list[Op] | None:
    i = picked(random, ops, Ack, Tail, Unsatisfiable, Batch)
    if i is None:
        return None
    by = random.choice((-2, -1, 1, 2, 5))
    match ops[i].answer:
        case Ack() as ack:
            name = random.choice(("start", "end", "tail"))
            pair = getattr(ack, name)
            return with_changes(ops, i, answer=replace(ack, **{name: (pair[0], max(0, (pair[1] or 1000) + by))}))
        case (Tail(pair) | Unsatisfiable(pair)) as answer:
            return with_changes(ops, i, answer=replace(answer, tail=(pair[0], max(0, (pair[1] or 1000) + by))))
        case Batch(seen, _) as answer if seen:
            k = random.randrange(len(seen))
            changed = (*seen[:k], replace(seen[k], timestamp=seen[k].timestamp + by), *seen[k + 1 :])
            return with_changes(ops, i, answer=replace(answer, seen=changed))
    return None


def change_bounds(random: Random, ops: list[Op]) -> list[Op] | None:
    i = picked(random, ops, Batch, Unsatisfiable)
    if i is None:
        return None
    changes: list[dict[str, object]] = [
        {"count": random.choice((None, 1, 2))},
        {"bytes": random.choice((None, 20))},
        {"until": None},
        {"wait": random.choice((None, 1))},
        {"clamp": not ops[i].read.clamp},
        {"seq_num": random.randint(0, 3), "timestamp": None, "tail_offset": None},
        {"tail_offset": random.randint(0, 3), "timestamp": None, "seq_num": None},
    ]
    return with_changes(ops, i, read=structs.replace(ops[i].read, **random.choice(changes)))  # type: ignore[arg-type]


def change_hash(random: Random, ops: list[Op]) -> list[Op] | None:
    i = picked(random, ops, Whole)
    if i is None:
        return None
    answer = ops[i].answer
    assert isinstance(answer, Whole)
    if random.random() < 0.5:
        return with_changes(ops, i, answer=replace(answer, stream_hash=answer.stream_hash ^ 1))
    return with_changes(ops, i, answer=replace(answer, tail=nearby(random, answer.tail)))


def repeat_content(random: Random, ops: list[Op]) -> list[Op] | None:
    """An append sends what another had sent."""
    appends = [i for i, op in enumerate(ops) if op.kind == "append"]
    if len(appends) < 2:
        return None
    i, j = random.sample(appends, 2)
    return with_changes(ops, i, records=ops[j].records)
