"""Damage to times, and to which operations there are."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from fencepost.testing.operations import Ack, Lost, Op, Rec
from tests.checkers.changing import new_process, picked, with_changes


def move_in_time(random: Random, ops: list[Op]) -> list[Op] | None:
    """A little, or to just before or after another."""
    i = random.randrange(len(ops))
    op, other = ops[i], random.choice(ops)
    long = 1 if op.ended is None else op.ended - op.invoked
    after = other.invoked if other.ended is None else other.ended
    invoked = random.choice(
        (op.invoked - 3, op.invoked + 3, other.invoked - long - 1, other.invoked - long, after, after + 1)
    )
    ended = None if op.ended is None else invoked + long
    session = None if op.kind == "append" else op.session
    parts = tuple(replace(part, time=part.time + invoked - op.invoked) for part in op.parts)
    return with_changes(ops, i, process=new_process(ops), invoked=invoked, ended=ended, session=session, parts=parts)


def squeeze(random: Random, ops: list[Op]) -> list[Op] | None:
    """To one instant of its own interval."""
    i = random.randrange(len(ops))
    op = ops[i]
    if op.ended is None or isinstance(op.answer, Lost):
        return None
    instant = random.randint(op.invoked, op.ended)
    return with_changes(ops, i, invoked=instant, ended=instant)


def exchange_times(random: Random, ops: list[Op]) -> list[Op] | None:
    if len(ops) < 2:
        return None
    i, j = random.sample(range(len(ops)), 2)
    a, b = ops[i], ops[j]
    if a.ended is None or b.ended is None or isinstance(a.answer, Lost) or isinstance(b.answer, Lost):
        return None
    changed = with_changes(ops, i, process=b.process, invoked=b.invoked, ended=b.ended, session=b.session)
    return with_changes(changed, j, process=a.process, invoked=a.invoked, ended=a.ended, session=a.session)


def drop_operation(random: Random, ops: list[Op]) -> list[Op] | None:
    if len(ops) < 2:
        return None
    i = random.randrange(len(ops))
    return ops[:i] + ops[i + 1 :]


def split_batch(random: Random, ops: list[Op]) -> list[Op] | None:
    """A lost append as if part of its records had never been sent, or one more had."""
    i = picked(random, ops, Lost, Ack, kind="append")
    if i is None:
        return None
    records = ops[i].records
    if len(records) > 1 and random.random() < 0.5:
        return with_changes(ops, i, records=records[:-1])
    return with_changes(ops, i, records=(*records, Rec(f"extra{i}")))
