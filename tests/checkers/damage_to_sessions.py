"""Damage to append sessions, and to answers that come in parts."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from fencepost.testing.operations import (
    Batch,
    Lost,
    Op,
    Part,
    Rec,
    Refused,
    Seen,
    TailMismatch,
    TokenMismatch,
    Unsatisfiable,
)
from tests.checkers.changing import new_process, picked, with_changes
from tests.checkers.stories import TOKENS


def _sessions(ops: list[Op]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for i, op in enumerate(ops):
        if op.kind == "append" and op.session is not None:
            found.setdefault(op.session, []).append(i)
    return {session: places for session, places in found.items() if len(places) > 1}


def swap_in_session(random: Random, ops: list[Op]) -> list[Op] | None:
    """What two batches of a session sent, or what they were answered."""
    sessions = list(_sessions(ops).values())
    if not sessions:
        return None
    i, j = sorted(random.sample(random.choice(sessions), 2))
    if random.random() < 0.5:
        return with_changes(with_changes(ops, i, records=ops[j].records), j, records=ops[i].records)
    return with_changes(with_changes(ops, i, answer=ops[j].answer), j, answer=ops[i].answer)


def fail_in_session(random: Random, ops: list[Op]) -> list[Op] | None:
    """Before others that were applied, perhaps."""
    sessions = list(_sessions(ops).values())
    if not sessions:
        return None
    i = random.choice(random.choice(sessions)[:-1])
    token = random.choice(TOKENS)
    tail = random.randint(0, 4)
    return with_changes(
        ops, i, answer=random.choice((Refused("rate_limited", 429), TailMismatch(tail), TokenMismatch(token), Lost()))
    )


def join_session(random: Random, ops: list[Op]) -> list[Op] | None:
    """Two appends that were none become one, or a session that was one becomes none."""
    appends = [i for i, op in enumerate(ops) if op.kind == "append"]
    if len(appends) < 2:
        return None
    sessions = list(_sessions(ops).values())
    if sessions and random.random() < 0.4:
        return with_changes(ops, random.choice(random.choice(sessions)), session=None, process=new_process(ops))
    i, j = random.sample(appends, 2)
    session = 50 if ops[i].session is None else ops[i].session
    changed = with_changes(ops, i, session=session)
    if ops[j].process in [op.process for op in ops if op is not ops[j]] and ops[i].process != ops[j].process:
        return None
    return with_changes(changed, j, session=session, process=ops[i].process)


def _parted(random: Random, ops: list[Op]) -> int | None:
    found = [i for i, op in enumerate(ops) if op.parts]
    return random.choice(found) if found else None


def drop_part(random: Random, ops: list[Op]) -> list[Op] | None:
    if (i := _parted(random, ops)) is None:
        return None
    k = random.randrange(len(ops[i].parts))
    return with_changes(ops, i, parts=(*ops[i].parts[:k], *ops[i].parts[k + 1 :]))


def repeat_part(random: Random, ops: list[Op]) -> list[Op] | None:
    if (i := _parted(random, ops)) is None:
        return None
    k = random.randrange(len(ops[i].parts))
    return with_changes(ops, i, parts=(*ops[i].parts[: k + 1], *ops[i].parts[k:]))


def begin_with_nothing(random: Random, ops: list[Op]) -> list[Op] | None:
    """A first part without records, of an answer in parts or of a session's; nothing else need have come."""
    found = [i for i, op in enumerate(ops) if op.parts or (op.kind == "read" and op.session is not None)]
    if not found:
        return None
    i = random.choice(found)
    parts = ops[i].parts
    if not parts or random.random() < 0.5:
        return with_changes(ops, i, parts=(Part(ops[i].invoked, ()),))
    return with_changes(ops, i, parts=(Part(parts[0].time, ()), *parts))


def refuse_after_parts(random: Random, ops: list[Op]) -> list[Op] | None:
    """The answer ends with a 416, just after the last record that it returned."""
    if (i := _parted(random, ops)) is None or ops[i].ended is None:
        return None
    seen = [one for part in ops[i].parts for one in part.seen]
    tail = (seen[-1].seq_num + 1, seen[-1].timestamp) if seen else (0, 0)
    return with_changes(ops, i, answer=Unsatisfiable(tail))


def swap_parts(random: Random, ops: list[Op]) -> list[Op] | None:
    found = [i for i, op in enumerate(ops) if len(op.parts) > 1]
    if not found:
        return None
    i = random.choice(found)
    j, k = random.sample(range(len(ops[i].parts)), 2)
    parts = list(ops[i].parts)
    parts[j], parts[k] = replace(parts[k], time=parts[j].time), replace(parts[j], time=parts[k].time)
    return with_changes(ops, i, parts=tuple(parts))


def change_part(random: Random, ops: list[Op]) -> list[Op] | None:
    """A record of a part: gone, moved, or another; or the tail that it names."""
    if (i := _parted(random, ops)) is None:
        return None
    k = random.randrange(len(ops[i].parts))
    part = ops[i].parts[k]
    seen, tail = list(part.seen), part.tail
    if not seen or random.random() < 0.3:
        after = seen[-1].seq_num + 1 if seen else 0
        tail = random.choice((None, (after + random.randint(0, 3), 0)))
    else:
        at = random.randrange(len(seen))
        sent = [rec for op in ops for rec in op.records] or [Rec("strange")]
        changes: list[list[Seen]] = [
            [],
            [replace(seen[at], seq_num=seen[at].seq_num + 1)],
            [replace(seen[at], rec=random.choice(sent))],
        ]
        seen[at : at + 1] = random.choice(changes)
    return with_changes(ops, i, parts=(*ops[i].parts[:k], Part(part.time, tuple(seen), tail), *ops[i].parts[k + 1 :]))


def hasten_part(random: Random, ops: list[Op]) -> list[Op] | None:
    """To an earlier moment: perhaps before there was what it returned."""
    if (i := _parted(random, ops)) is None:
        return None
    k = random.randrange(len(ops[i].parts))
    part = ops[i].parts[k]
    earliest = ops[i].parts[k - 1].time if k else ops[i].invoked
    sooner = replace(part, time=random.choice((earliest, random.randint(earliest, part.time))))
    return with_changes(ops, i, parts=(*ops[i].parts[:k], sooner, *ops[i].parts[k + 1 :]))


def cut_off(random: Random, ops: list[Op]) -> list[Op] | None:
    """The rest of an answer that comes in parts, or the whole of it but a part."""
    i = picked(random, ops, Batch)
    if i is None or any(op.process == ops[i].process and op is not ops[i] for op in ops):
        return None
    answer, op = ops[i].answer, ops[i]
    assert isinstance(answer, Batch)
    assert op.ended is not None
    parts = op.parts
    if answer.seen:
        parts = (*parts, Part(random.randint(parts[-1].time if parts else op.invoked, op.ended), answer.seen))
    return with_changes(ops, i, parts=parts, answer=random.choice((Lost(), Refused("rate_limited", 429))))


def change_read_session(random: Random, ops: list[Op]) -> list[Op] | None:
    """A read that a session was for becomes a unary one, or the other way round."""
    i = picked(random, ops, Batch, Unsatisfiable)
    return None if i is None else with_changes(ops, i, session=60 if ops[i].session is None else None)
