"""Damage to random histories: each mutation changes one thing, so that the history is often, not always, invalid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Final

from tests.checkers.histories import by_invocation
from tests.checkers.operations import (
    Ack,
    Answer,
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
from tests.checkers.random_histories import PLAIN, TOKENS, Features, Story, is_well_formed, random_story

Mutation = Callable[[Random, list[Op]], list[Op] | None]


def story_of(seed: int, features: Features = PLAIN) -> Story:
    """The story of a seed: sound if that is even, else damaged."""
    random = Random(seed)
    story = random_story(random, f"seed {seed}:", features)
    return damaged(random, story, features) if seed % 2 else story


def damaged(random: Random, story: Story, features: Features = PLAIN) -> Story:
    """The story with one thing changed (now and then two); often, but not always, it is invalid then."""
    ops, names = by_invocation(story.ops), []
    mutations = mutations_of(features)
    for _ in range(random.choice((1, 1, 1, 2)) if ops else 0):
        for _ in range(20):
            mutation = random.choice(mutations)
            changed = mutation(random, list(ops))
            if changed is not None and is_well_formed(changed):
                ops = changed
                names.append(mutation.__name__.strip("_"))
                break
    token = story.token
    if random.random() < 0.02:
        token = random.choice((None, *TOKENS))
        names.append("another first token")
    return replace(story, ops=tuple(ops), token=token, origin=f"{story.origin} {' and '.join(names)}")


def _pick(random: Random, ops: list[Op], *answers: type, kind: str | None = None) -> int | None:
    found = [i for i, op in enumerate(ops) if isinstance(op.answer, answers) and kind in (None, op.kind)]
    return random.choice(found) if found else None


def _with(ops: list[Op], i: int, **changes: object) -> list[Op]:
    return [*ops[:i], replace(ops[i], **changes), *ops[i + 1 :]]  # type: ignore[arg-type]


def _near(random: Random, pair: tuple[int, int]) -> tuple[int, int]:
    return max(0, pair[0] + random.choice((-2, -1, 1, 1, 2))), pair[1]


def _new_process(ops: list[Op]) -> int:
    return max(op.process for op in ops) + 1


def _shift_ack(random: Random, ops: list[Op]) -> list[Op] | None:
    i = _pick(random, ops, Ack)
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
    return _with(ops, i, answer=replace(ack, **moved))


def _change_tail(random: Random, ops: list[Op]) -> list[Op] | None:
    i = _pick(random, ops, Tail, Unsatisfiable)
    if i is None:
        return None
    answer = ops[i].answer
    assert isinstance(answer, Tail | Unsatisfiable)
    return _with(ops, i, answer=replace(answer, tail=_near(random, answer.tail)))


def _change_followed_tail(random: Random, ops: list[Op]) -> list[Op] | None:
    i = _pick(random, ops, Batch)
    if i is None or not ops[i].read.wait:
        return None
    answer = ops[i].answer
    assert isinstance(answer, Batch)
    after = answer.seen[-1].seq_num + 1 if answer.seen else 0
    return _with(ops, i, answer=replace(answer, tail=(after + random.randint(0, 3), 0)))


def _change_refusal(random: Random, ops: list[Op]) -> list[Op] | None:
    i = _pick(random, ops, TailMismatch, TokenMismatch)
    if i is None:
        return None
    answer = ops[i].answer
    if isinstance(answer, TailMismatch) and random.random() < 0.8:
        return _with(ops, i, answer=TailMismatch(_near(random, (answer.tail, 0))[0]))
    return _with(ops, i, answer=TokenMismatch(random.choice(TOKENS)))


def _accept_refused(random: Random, ops: list[Op]) -> list[Op] | None:
    i = _pick(random, ops, TailMismatch, TokenMismatch, Refused, kind="append")
    return None if i is None else _acknowledged(random, ops, i)


def _accept_lost(random: Random, ops: list[Op]) -> list[Op] | None:
    i = _pick(random, ops, Lost, kind="append")
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
    return _with(ops, i, answer=Ack(start, end, end))


def _refuse_accepted(random: Random, ops: list[Op]) -> list[Op] | None:
    i = _pick(random, ops, Ack)
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
    return _with(ops, i, answer=random.choice(answers))


def _fail_accepted(random: Random, ops: list[Op]) -> list[Op] | None:
    i = _pick(random, ops, Ack)
    return None if i is None else _with(ops, i, answer=Refused("rate_limited", 429))


def _lose_accepted(random: Random, ops: list[Op]) -> list[Op] | None:
    i = _pick(random, ops, Ack)
    if i is None or any(op.process == ops[i].process and op is not ops[i] for op in ops):
        return None
    return _with(ops, i, answer=Lost())


def _change_condition(random: Random, ops: list[Op]) -> list[Op] | None:
    i = _pick(random, ops, Ack, TailMismatch, TokenMismatch, Lost, kind="append")
    if i is None:
        return None
    if random.random() < 0.5:
        return _with(ops, i, match=random.choice((None, random.randint(0, 5))))
    return _with(ops, i, token=random.choice((None, *TOKENS)))


def _change_fence(random: Random, ops: list[Op]) -> list[Op] | None:
    """In the append, and now and then in what was read of it."""
    places = [(i, k) for i, op in enumerate(ops) for k, rec in enumerate(op.records) if rec.fence is not None]
    if not places:
        return None
    i, k = random.choice(places)
    token = random.choice(TOKENS)
    records = list(ops[i].records)
    records[k] = Rec(f"fence={token}", timestamp=records[k].timestamp, fence=token)
    changed = _with(ops, i, records=tuple(records))
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


def _batch_of(random: Random, ops: list[Op], least: int) -> tuple[int, Batch, list[Seen]] | None:
    found = [i for i, op in enumerate(ops) if isinstance(op.answer, Batch) and len(op.answer.seen) >= least]
    if not found:
        return None
    i = random.choice(found)
    answer = ops[i].answer
    assert isinstance(answer, Batch)
    return i, answer, list(answer.seen)


def _drop_record(random: Random, ops: list[Op]) -> list[Op] | None:
    if (found := _batch_of(random, ops, 1)) is None:
        return None
    i, answer, seen = found
    del seen[random.choice((0, len(seen) - 1, random.randrange(len(seen))))]
    return _with(ops, i, answer=replace(answer, seen=tuple(seen)))


def _drop_end(random: Random, ops: list[Op]) -> list[Op] | None:
    if (found := _batch_of(random, ops, 1)) is None:
        return None
    i, answer, seen = found
    return _with(ops, i, answer=replace(answer, seen=tuple(seen[: random.randrange(len(seen))])))


def _swap_records(random: Random, ops: list[Op]) -> list[Op] | None:
    if (found := _batch_of(random, ops, 2)) is None:
        return None
    i, answer, seen = found
    a, b = random.sample(range(len(seen)), 2)
    seen[a], seen[b] = replace(seen[a], rec=seen[b].rec), replace(seen[b], rec=seen[a].rec)
    return _with(ops, i, answer=replace(answer, seen=tuple(seen)))


def _alter_record(random: Random, ops: list[Op]) -> list[Op] | None:
    if (found := _batch_of(random, ops, 1)) is None:
        return None
    i, answer, seen = found
    k = random.randrange(len(seen))
    sent = [rec for op in ops for rec in op.records] or [Rec("strange")]
    other = random.choice((Rec("strange"), random.choice(sent)))
    seen[k] = replace(seen[k], rec=other)
    return _with(ops, i, answer=replace(answer, seen=tuple(seen)))


def _repeat_record(random: Random, ops: list[Op]) -> list[Op] | None:
    if (found := _batch_of(random, ops, 1)) is None:
        return None
    i, answer, seen = found
    copied = random.choice(seen)
    seen.append(replace(copied, seq_num=seen[-1].seq_num + random.choice((1, 1, 0)), timestamp=seen[-1].timestamp))
    return _with(ops, i, answer=replace(answer, seen=tuple(seen)))


def _move_records(random: Random, ops: list[Op]) -> list[Op] | None:
    if (found := _batch_of(random, ops, 1)) is None:
        return None
    i, answer, seen = found
    by = random.choice((-1, 1))
    if seen[0].seq_num + by < 0:
        return None
    seen = [replace(one, seq_num=one.seq_num + by) for one in seen]
    return _with(ops, i, answer=replace(answer, seen=tuple(seen)))


def _change_timestamp(random: Random, ops: list[Op]) -> list[Op] | None:
    i = _pick(random, ops, Ack, Tail, Unsatisfiable, Batch)
    if i is None:
        return None
    by = random.choice((-2, -1, 1, 2, 5))
    match ops[i].answer:
        case Ack() as ack:
            name = random.choice(("start", "end", "tail"))
            pair = getattr(ack, name)
            return _with(ops, i, answer=replace(ack, **{name: (pair[0], max(0, pair[1] + by))}))
        case (Tail(pair) | Unsatisfiable(pair)) as answer:
            return _with(ops, i, answer=replace(answer, tail=(pair[0], max(0, pair[1] + by))))
        case Batch(seen, _) as answer if seen:
            k = random.randrange(len(seen))
            changed = (*seen[:k], replace(seen[k], timestamp=seen[k].timestamp + by), *seen[k + 1 :])
            return _with(ops, i, answer=replace(answer, seen=changed))
    return None


def _change_bounds(random: Random, ops: list[Op]) -> list[Op] | None:
    i = _pick(random, ops, Batch, Unsatisfiable)
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
    return _with(ops, i, read=replace(ops[i].read, **random.choice(changes)))  # type: ignore[arg-type]


def _move_in_time(random: Random, ops: list[Op]) -> list[Op] | None:
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
    return _with(ops, i, process=_new_process(ops), invoked=invoked, ended=ended, session=session, parts=parts)


def _squeeze(random: Random, ops: list[Op]) -> list[Op] | None:
    """To one instant of its own interval."""
    i = random.randrange(len(ops))
    op = ops[i]
    if op.ended is None or isinstance(op.answer, Lost):
        return None
    instant = random.randint(op.invoked, op.ended)
    return _with(ops, i, invoked=instant, ended=instant)


def _exchange_times(random: Random, ops: list[Op]) -> list[Op] | None:
    if len(ops) < 2:
        return None
    i, j = random.sample(range(len(ops)), 2)
    a, b = ops[i], ops[j]
    if a.ended is None or b.ended is None or isinstance(a.answer, Lost) or isinstance(b.answer, Lost):
        return None
    changed = _with(ops, i, process=b.process, invoked=b.invoked, ended=b.ended, session=b.session)
    return _with(changed, j, process=a.process, invoked=a.invoked, ended=a.ended, session=a.session)


def _drop_operation(random: Random, ops: list[Op]) -> list[Op] | None:
    if len(ops) < 2:
        return None
    i = random.randrange(len(ops))
    return ops[:i] + ops[i + 1 :]


def _split_batch(random: Random, ops: list[Op]) -> list[Op] | None:
    """A lost append as if part of its records had never been sent, or one more had."""
    i = _pick(random, ops, Lost, Ack, kind="append")
    if i is None:
        return None
    records = ops[i].records
    if len(records) > 1 and random.random() < 0.5:
        return _with(ops, i, records=records[:-1])
    return _with(ops, i, records=(*records, Rec(f"extra{i}")))


# -- of sessions, answers in parts, hashes and repeats


def _sessions(ops: list[Op]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for i, op in enumerate(ops):
        if op.kind == "append" and op.session is not None:
            found.setdefault(op.session, []).append(i)
    return {session: places for session, places in found.items() if len(places) > 1}


def _swap_in_session(random: Random, ops: list[Op]) -> list[Op] | None:
    """What two batches of a session sent, or what they were answered."""
    sessions = list(_sessions(ops).values())
    if not sessions:
        return None
    i, j = sorted(random.sample(random.choice(sessions), 2))
    if random.random() < 0.5:
        return _with(_with(ops, i, records=ops[j].records), j, records=ops[i].records)
    return _with(_with(ops, i, answer=ops[j].answer), j, answer=ops[i].answer)


def _fail_in_session(random: Random, ops: list[Op]) -> list[Op] | None:
    """Before others that were applied, perhaps."""
    sessions = list(_sessions(ops).values())
    if not sessions:
        return None
    i = random.choice(random.choice(sessions)[:-1])
    token = random.choice(TOKENS)
    tail = random.randint(0, 4)
    return _with(
        ops, i, answer=random.choice((Refused("rate_limited", 429), TailMismatch(tail), TokenMismatch(token), Lost()))
    )


def _join_session(random: Random, ops: list[Op]) -> list[Op] | None:
    """Two appends that were none become one, or a session that was one becomes none."""
    appends = [i for i, op in enumerate(ops) if op.kind == "append"]
    if len(appends) < 2:
        return None
    sessions = list(_sessions(ops).values())
    if sessions and random.random() < 0.4:
        return _with(ops, random.choice(random.choice(sessions)), session=None, process=_new_process(ops))
    i, j = random.sample(appends, 2)
    session = 50 if ops[i].session is None else ops[i].session
    changed = _with(ops, i, session=session)
    if ops[j].process in [op.process for op in ops if op is not ops[j]] and ops[i].process != ops[j].process:
        return None
    return _with(changed, j, session=session, process=ops[i].process)


def _parted(random: Random, ops: list[Op]) -> int | None:
    found = [i for i, op in enumerate(ops) if op.parts]
    return random.choice(found) if found else None


def _drop_part(random: Random, ops: list[Op]) -> list[Op] | None:
    if (i := _parted(random, ops)) is None:
        return None
    k = random.randrange(len(ops[i].parts))
    return _with(ops, i, parts=(*ops[i].parts[:k], *ops[i].parts[k + 1 :]))


def _repeat_part(random: Random, ops: list[Op]) -> list[Op] | None:
    if (i := _parted(random, ops)) is None:
        return None
    k = random.randrange(len(ops[i].parts))
    return _with(ops, i, parts=(*ops[i].parts[: k + 1], *ops[i].parts[k:]))


def _swap_parts(random: Random, ops: list[Op]) -> list[Op] | None:
    found = [i for i, op in enumerate(ops) if len(op.parts) > 1]
    if not found:
        return None
    i = random.choice(found)
    j, k = random.sample(range(len(ops[i].parts)), 2)
    parts = list(ops[i].parts)
    parts[j], parts[k] = replace(parts[k], time=parts[j].time), replace(parts[j], time=parts[k].time)
    return _with(ops, i, parts=tuple(parts))


def _change_part(random: Random, ops: list[Op]) -> list[Op] | None:
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
    return _with(ops, i, parts=(*ops[i].parts[:k], Part(part.time, tuple(seen), tail), *ops[i].parts[k + 1 :]))


def _hasten_part(random: Random, ops: list[Op]) -> list[Op] | None:
    """To an earlier moment: perhaps before there was what it returned."""
    if (i := _parted(random, ops)) is None:
        return None
    k = random.randrange(len(ops[i].parts))
    part = ops[i].parts[k]
    earliest = ops[i].parts[k - 1].time if k else ops[i].invoked
    sooner = replace(part, time=random.choice((earliest, random.randint(earliest, part.time))))
    return _with(ops, i, parts=(*ops[i].parts[:k], sooner, *ops[i].parts[k + 1 :]))


def _cut_off(random: Random, ops: list[Op]) -> list[Op] | None:
    """The rest of an answer that comes in parts, or the whole of it but a part."""
    i = _pick(random, ops, Batch)
    if i is None or any(op.process == ops[i].process and op is not ops[i] for op in ops):
        return None
    answer, op = ops[i].answer, ops[i]
    assert isinstance(answer, Batch)
    assert op.ended is not None
    parts = op.parts
    if answer.seen:
        parts = (*parts, Part(random.randint(parts[-1].time if parts else op.invoked, op.ended), answer.seen))
    return _with(ops, i, parts=parts, answer=random.choice((Lost(), Refused("rate_limited", 429))))


def _change_read_session(random: Random, ops: list[Op]) -> list[Op] | None:
    """A read that a session was for becomes a unary one, or the other way round."""
    i = _pick(random, ops, Batch, Unsatisfiable)
    return None if i is None else _with(ops, i, session=60 if ops[i].session is None else None)


def _change_hash(random: Random, ops: list[Op]) -> list[Op] | None:
    i = _pick(random, ops, Whole)
    if i is None:
        return None
    answer = ops[i].answer
    assert isinstance(answer, Whole)
    if random.random() < 0.5:
        return _with(ops, i, answer=replace(answer, stream_hash=answer.stream_hash ^ 1))
    return _with(ops, i, answer=replace(answer, tail=_near(random, answer.tail)))


def _repeat_content(random: Random, ops: list[Op]) -> list[Op] | None:
    """An append sends what another had sent."""
    appends = [i for i, op in enumerate(ops) if op.kind == "append"]
    if len(appends) < 2:
        return None
    i, j = random.sample(appends, 2)
    return _with(ops, i, records=ops[j].records)


PLAIN_MUTATIONS: Final[tuple[Mutation, ...]] = (
    _shift_ack,
    _change_tail,
    _change_followed_tail,
    _change_refusal,
    _accept_refused,
    _accept_lost,
    _refuse_accepted,
    _fail_accepted,
    _lose_accepted,
    _change_condition,
    _change_fence,
    _drop_record,
    _drop_end,
    _swap_records,
    _alter_record,
    _repeat_record,
    _move_records,
    _change_timestamp,
    _change_bounds,
    _move_in_time,
    _squeeze,
    _exchange_times,
    _drop_operation,
    _split_batch,
)
"""What can happen to single appends, reads and check-tails."""

SESSION_MUTATIONS: Final = (_swap_in_session, _fail_in_session, _join_session)
PART_MUTATIONS: Final = (_drop_part, _repeat_part, _swap_parts, _change_part, _hasten_part)


def mutations_of(features: Features) -> tuple[Mutation, ...]:
    """The damage that there is to histories with these features."""
    found = PLAIN_MUTATIONS
    found += SESSION_MUTATIONS * 2 * features.append_sessions
    found += PART_MUTATIONS * 2 * (features.read_sessions or features.cut_short)
    found += (_cut_off,) * features.cut_short + (_change_read_session,) * features.read_sessions
    found += (_change_hash,) * 3 * features.hashes + (_repeat_content,) * features.repeats
    return found
