"""Damage to what appends asked for and were answered, and to tails."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from fencepost.testing.operations import (
    Ack,
    Answer,
    Batch,
    Lost,
    Op,
    Rec,
    Refused,
    Tail,
    TailMismatch,
    TokenMismatch,
    Unsatisfiable,
)
from tests.checkers.changing import nearby, picked, with_changes
from tests.checkers.stories import TOKENS


def shift_ack(random: Random, ops: list[Op]) -> list[Op] | None:
    i = picked(random, ops, Ack)
    if i is None:
        return None
    ack = ops[i].answer
    assert isinstance(ack, Ack)
    by = random.choice((-1, 1))
    if ack.start[0] + by < 0:
        return None
    which = random.choice(("all", "start", "end", "tail"))
    moved = {
        name: ((pair := getattr(ack, name))[0] + by, pair[1])
        for name in ("start", "end", "tail")
        if which in ("all", name)
    }
    return with_changes(ops, i, answer=replace(ack, **moved))


def change_tail(random: Random, ops: list[Op]) -> list[Op] | None:
    i = picked(random, ops, Tail, Unsatisfiable)
    if i is None:
        return None
    answer = ops[i].answer
    assert isinstance(answer, Tail | Unsatisfiable)
    return with_changes(ops, i, answer=replace(answer, tail=nearby(random, answer.tail)))


def change_followed_tail(random: Random, ops: list[Op]) -> list[Op] | None:
    i = picked(random, ops, Batch)
    if i is None or not ops[i].read.wait:
        return None
    answer = ops[i].answer
    assert isinstance(answer, Batch)
    after = answer.seen[-1].seq_num + 1 if answer.seen else 0
    return with_changes(ops, i, answer=replace(answer, tail=(after + random.randint(0, 3), 0)))


def change_refusal(random: Random, ops: list[Op]) -> list[Op] | None:
    i = picked(random, ops, TailMismatch, TokenMismatch)
    if i is None:
        return None
    answer = ops[i].answer
    if isinstance(answer, TailMismatch) and random.random() < 0.8:
        return with_changes(ops, i, answer=TailMismatch(nearby(random, (answer.tail, 0))[0]))
    return with_changes(ops, i, answer=TokenMismatch(random.choice(TOKENS)))


def accept_refused(random: Random, ops: list[Op]) -> list[Op] | None:
    i = picked(random, ops, TailMismatch, TokenMismatch, Refused, kind="append")
    return None if i is None else _acknowledged(random, ops, i)


def accept_lost(random: Random, ops: list[Op]) -> list[Op] | None:
    i = picked(random, ops, Lost, kind="append")
    if i is None or ops[i].ended is None:
        return None
    return _acknowledged(random, ops, i)


def _acknowledged(random: Random, ops: list[Op], i: int) -> list[Op]:
    """As if it had been applied: somewhere, or at the very place where its first record was read."""
    first = {one.rec.digest: one for op in ops if isinstance(op.answer, Batch) for one in op.answer.seen}
    seen = first.get(ops[i].records[0].digest)
    ends = [op.answer.end for op in ops if isinstance(op.answer, Ack)] or [(0, 1000)]
    start = (seen.seq_num, seen.timestamp) if seen is not None else random.choice(ends)
    end = start[0] + len(ops[i].records), start[1]
    return with_changes(ops, i, answer=Ack(start, end, end))


def refuse_accepted(random: Random, ops: list[Op]) -> list[Op] | None:
    i = picked(random, ops, Ack)
    if i is None:
        return None
    ack = ops[i].answer
    assert isinstance(ack, Ack)
    answers: list[Answer] = [
        TailMismatch(ack.start[0]),
        TailMismatch(ack.end[0]),
        TokenMismatch(random.choice(TOKENS)),
        Refused("condition_failed", 412),
    ]
    return with_changes(ops, i, answer=random.choice(answers))


def fail_accepted(random: Random, ops: list[Op]) -> list[Op] | None:
    i = picked(random, ops, Ack)
    return None if i is None else with_changes(ops, i, answer=Refused("rate_limited", 429))


def lose_accepted(random: Random, ops: list[Op]) -> list[Op] | None:
    i = picked(random, ops, Ack)
    if i is None or any(op.process == ops[i].process and op is not ops[i] for op in ops):
        return None
    return with_changes(ops, i, answer=Lost())


def change_condition(random: Random, ops: list[Op]) -> list[Op] | None:
    i = picked(random, ops, Ack, TailMismatch, TokenMismatch, Lost, kind="append")
    if i is None:
        return None
    if random.random() < 0.5:
        return with_changes(ops, i, match=random.choice((None, random.randint(0, 5))))
    return with_changes(ops, i, token=random.choice((None, *TOKENS)))


def change_fence(random: Random, ops: list[Op]) -> list[Op] | None:
    """In the append, and now and then in what was read of it."""
    places = [(i, k) for i, op in enumerate(ops) for k, rec in enumerate(op.records) if rec.fence is not None]
    if not places:
        return None
    i, k = random.choice(places)
    token = random.choice(TOKENS)
    records = list(ops[i].records)
    records[k] = Rec(f"fence={token}", timestamp=records[k].timestamp, fence=token)
    changed = with_changes(ops, i, records=tuple(records))
    answer = ops[i].answer
    if isinstance(answer, Ack) and random.random() < 0.7:
        for j, op in enumerate(changed):
            if isinstance(op.answer, Batch):
                seen = tuple(
                    replace(one, rec=records[k]) if one.seq_num == answer.start[0] + k else one
                    for one in op.answer.seen
                )
                changed[j] = replace(op, answer=replace(op.answer, seen=seen))
    return changed
