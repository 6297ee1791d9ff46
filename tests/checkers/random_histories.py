"""Small random histories in bulk, from a seed: of a correct stream under concurrent clients, and damaged ones.

The correct stream is the reference server's state machine, so that a valid history here is one on which the two
writings of the specification agree. Each operation is a coroutine that stops before every step that something else
could come before; whose step is next is drawn. Time stands still between some steps, so that intervals touch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from fencepost.harness.client import values
from fencepost.harness.server.errors import ConditionFailed, RangeNotSatisfiable
from fencepost.harness.server.stream import Stream
from fencepost.harness.server.values import AppendInput, AppendRecord, ReadInput, StreamPosition
from tests.checkers.histories import (
    Ack,
    Answer,
    Batch,
    Lost,
    Op,
    Rec,
    Refused,
    Seen,
    Tail,
    TailMismatch,
    TokenMismatch,
    Unsatisfiable,
    by_invocation,
    show,
)

TOKENS: Final = ("", "x", "xy", "y")
_DONE: Final = object()


@dataclass(frozen=True, slots=True)
class Story:
    """A history, and where it comes from. ``tail`` and ``token`` are the stream's state before it."""

    ops: tuple[Op, ...]
    tail: int
    token: str | None
    origin: str

    def __str__(self) -> str:
        return f"{self.origin}\n{show(self.ops, self.tail, self.token)}"


def random_story(random: Random, origin: str = "") -> Story:
    """What clients may see of a correct stream: 2 to 7 operations, and perhaps a closing read."""
    return _Simulation(random).run(random.choice((2, 3, 3, 4, 4, 4, 5, 5, 5, 6, 7)), origin)


class _Simulation:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._stream = Stream()
        self._gone = 0  # up to where trims have been applied to what reads see
        self._now = 0
        self._wall = 1000
        self._free = list(range(random.randint(1, 4)))
        self._processes = len(self._free)
        self._ops: list[Op] = []
        self._names = iter(f"{letter}{number}" for number in range(9) for letter in "abcdefghijklmnopqrstuvwxyz")
        self._boundaries = [0]
        self._recs: dict[int, Rec] = {}
        self._most_lost = random.choice((0, 0, 1, 1, 2, 3, 4))
        self._lost = 0
        self._fences = random.choice((0.1, 0.3, 0.5))
        self._trims = random.choice((0.0, 0.0, 0.0, 0.2))
        self._commands = ["append"] * 5 + ["read"] * random.choice((2, 4)) + ["check-tail"]

    def run(self, operations: int, origin: str) -> Story:
        self._begin()
        tail = self._stream.next_seq_num
        token = self._stream.fencing_token if self._random.random() < 0.97 else None
        clients: list[Iterator[None]] = []
        servers: list[Iterator[None]] = []
        begun, random = 0, self._random
        haste, cut = random.choice((0.0, 0.5, 0.9)), random.random() < 0.1
        while begun < operations or (clients and not cut):
            running = clients + servers
            if begun < operations and self._free and (not clients or random.random() > max(haste, 0.4)):
                begun += 1
                self._tick()
                self._start(clients, servers)
            else:
                self._tick()
                chosen = clients[-1] if clients and random.random() < haste else random.choice(running)
                if next(chosen, _DONE) is _DONE:
                    (clients if chosen in clients else servers).remove(chosen)
        if not clients and random.random() < 0.6:
            self._now += 1
            self._close()
        return Story(tuple(self._ops), tail, token, origin)

    def _begin(self) -> None:
        """Now and then the stream has had a life before the history."""
        if self._random.random() < 0.15:
            token = self._random.choice(TOKENS)
            batch = [Rec(f"before{i}") for i in range(self._random.randint(0, 2))]
            if token or not batch:
                batch.append(Rec(f"fence={token}", fence=token))
            self._apply(tuple(batch), None, None)

    def _tick(self) -> None:
        self._now += self._random.choice((0, 1, 1, 2))
        self._wall += self._random.choice((0, 0, 1, 2, -3))
        if self._random.random() < 0.3:
            self._gone = self._random.randint(self._gone, max(self._gone, self._stream.trim_point))

    def _start(self, clients: list[Iterator[None]], servers: list[Iterator[None]]) -> None:
        process = self._free.pop(self._random.randrange(len(self._free)))
        kind = "append" if not self._recs and self._random.random() < 0.5 else self._random.choice(self._commands)
        place = len(self._ops)
        self._ops.append(Op(kind, process, self._now, None, Lost()))
        if kind == "append":
            self._ops[place] = replace(self._ops[place], **self._batch())  # type: ignore[arg-type]
            if self._lost < self._most_lost and self._random.random() < 0.4:
                self._lost += 1
                clients.append(self._giving_up(place))
                if self._random.random() < 0.6:
                    servers.append(self._arriving(place))
                return
            work = self._appending(place)
        elif kind == "read":
            self._ops[place] = replace(self._ops[place], read=self._query())
            work = self._reading(place)
        else:
            work = self._checking(place)
        if self._random.random() < 0.03:
            work = self._giving_up(place) if kind != "append" else self._failing(place)
        clients.append(work)

    # -- arguments

    def _batch(self) -> dict[str, object]:
        random = self._random
        tail, token = self._stream.next_seq_num, self._stream.fencing_token
        match = random.choice((None, None, tail, tail, max(0, tail - 1), random.randint(0, tail + 3)))
        given = random.choice((None, None, token, token, random.choice(TOKENS), random.choice(TOKENS)))
        records = tuple(self._rec() for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))))
        return {"records": records, "match": match, "token": given}

    def _rec(self) -> Rec:
        random = self._random
        timestamp = random.randint(995, 1010) if random.random() < 0.05 else None
        if random.random() < self._fences:
            token = random.choice(TOKENS)
            return Rec(f"fence={token}", timestamp=timestamp, fence=token)
        if random.random() < self._trims:
            trim = random.randint(0, self._stream.next_seq_num + 5)
            return Rec(f"trim={trim}", timestamp=timestamp, trim=trim)
        return Rec(next(self._names), random.choice((None, None, 20, 40)), timestamp)

    def _query(self) -> values.Read:
        random = self._random
        tail = self._stream.next_seq_num
        start = {
            "seq_num": random.choice((0, 0, 0, random.randint(0, tail), tail, tail + random.randint(0, 2))),
            "tail_offset": random.randint(0, tail + 1),
            "timestamp": self._wall + random.randint(-3, 2),
        }
        which = random.choice(("seq_num",) * 7 + ("tail_offset", "timestamp", None))
        bounds = {
            "clamp": random.random() < 0.2,
            "count": random.choice((None,) * 5 + (0, 1, 2, 3)),
            "bytes": random.choice((None,) * 6 + (5, 20, 40)),
            "until": random.choice((None,) * 6 + (self._wall, self._wall + 1)),
            "wait": random.choice((None,) * 5 + (0, 1)),
        }
        return values.Read(**({which: start[which]} if which else {}), **bounds)  # type: ignore[arg-type]

    # -- operations

    def _appending(self, place: int) -> Iterator[None]:
        yield
        op = self._ops[place]
        answer = self._apply(op.records, op.match, op.token)
        yield
        if isinstance(answer, Ack) and self._random.random() < 0.3:
            answer = replace(answer, tail=self._pair(self._stream.durable))
            yield
        if isinstance(answer, TailMismatch | TokenMismatch) and self._random.random() < 0.03:
            answer = Refused("condition_failed", 412)
        self._end(place, answer)

    def _arriving(self, place: int) -> Iterator[None]:
        for _ in range(self._random.choice((1, 1, 4))):
            yield
        op = self._ops[place]
        self._apply(op.records, op.match, op.token)

    def _giving_up(self, place: int) -> Iterator[None]:
        yield
        yield
        if self._random.random() < 0.7:
            self._ops[place] = replace(self._ops[place], ended=self._now)
        self._free.append(self._processes)
        self._processes += 1

    def _failing(self, place: int) -> Iterator[None]:
        yield
        self._end(place, Refused("rate_limited", 429))

    def _checking(self, place: int) -> Iterator[None]:
        yield
        answer = Tail(self._pair(self._stream.durable))
        yield
        self._end(place, answer)

    def _reading(self, place: int) -> Iterator[None]:
        yield
        query = ReadInput(**{name: getattr(self._ops[place].read, name) for name in values.Read.__slots__})
        try:
            start = self._stream.locate(query, self._wall)
        except RangeNotSatisfiable as failure:
            yield
            self._end(place, Unsatisfiable(self._pair(failure.tail)))
            return
        if query.wait:
            yield
        trim_point, self._stream.trim_point = self._stream.trim_point, self._gone
        page = self._stream.page(start, query, self._wall)
        self._stream.trim_point = trim_point
        seen = tuple(Seen(r.seq_num, r.timestamp, self._recs[r.seq_num]) for r in page.records)
        after = seen[-1].seq_num + 1 if seen else start
        tails = [tail for tail in self._boundaries if tail >= after] if query.wait else []
        yield
        followed = self._random.choice(tails) if tails and self._random.random() < 0.5 else None
        self._end(place, Batch(seen, None if followed is None else (followed, 0)))

    def _end(self, place: int, answer: Answer) -> None:
        self._ops[place] = replace(self._ops[place], ended=self._now, answer=answer)
        self._free.append(self._ops[place].process)

    def _apply(self, records: tuple[Rec, ...], match: int | None, token: str | None) -> Answer:
        contents = [rec.content for rec in records]
        batch = tuple(
            AppendRecord(content.body, content.headers, rec.timestamp)
            for rec, content in zip(records, contents, strict=True)
        )
        try:
            ack = self._stream.append(AppendInput(batch, match, token), self._wall).ack
        except ConditionFailed as failure:
            body = failure.body
            if "seq_num_mismatch" in body:
                return TailMismatch(int(body["seq_num_mismatch"]))
            return TokenMismatch(str(body["fencing_token_mismatch"]))
        self._stream.settle(ack.end)
        self._boundaries.append(ack.end.seq_num)
        self._recs |= {ack.start.seq_num + i: rec for i, rec in enumerate(records)}
        return Ack(self._pair(ack.start), self._pair(ack.end), self._pair(ack.tail))

    @staticmethod
    def _pair(position: StreamPosition) -> tuple[int, int]:
        return position.seq_num, position.timestamp

    def _close(self) -> None:
        """A fence now and then, then all there is."""
        process = self._processes
        if self._random.random() < 0.3:
            self._ops.append(Op("append", process, self._now, None, Lost(), (Rec("fence=z", fence="z"),)))
            for _ in self._appending(len(self._ops) - 1):
                self._now += 1
        self._ops.append(Op("read", process, self._now + 1, None, Lost(), read=values.Read(seq_num=0)))
        self._now += 1
        for _ in self._reading(len(self._ops) - 1):
            self._now += 1


# -- damage

Mutation = Callable[[Random, list[Op]], list[Op] | None]


def damaged(random: Random, story: Story) -> Story:
    """The story with one thing changed (now and then two); often, but not always, it is invalid then."""
    ops, names = by_invocation(story.ops), []
    for _ in range(random.choice((1, 1, 1, 2))):
        for _ in range(20):
            mutation = random.choice(MUTATIONS)
            changed = mutation(random, list(ops))
            if changed is not None and _is_well_formed(changed):
                ops = changed
                names.append(mutation.__name__.strip("_"))
                break
    tail, token = story.tail, story.token
    if random.random() < 0.02:
        token = random.choice((None, *TOKENS))
        names.append("another first token")
    return Story(tuple(ops), tail, token, f"{story.origin} {' and '.join(names)}")


def is_closed(ops: Iterable[Op], tail: int) -> bool:
    """Whether a read that began after everything had returned tells all that happened since the stream had ``tail``.

    That is a read from 0 without any bound, answered 416 or with nothing trimmed away from what the history wrote. One
    that ends among the records of before the history tells no end: nobody knows their sizes, so the next of them may
    have been too large for what was left of its 1 MiB.
    """
    ops = list(ops)
    for op in ops:
        if op.read == values.Read(seq_num=0) and isinstance(op.answer, Batch | Unsatisfiable):
            whole = isinstance(op.answer, Unsatisfiable) or (
                any(one.seq_num <= tail for one in op.answer.seen) and op.answer.seen[-1].seq_num >= tail - 1
            )
            others = [other for other in ops if other is not op and not isinstance(other.answer, Lost)]
            if whole and all(other.returned < op.invoked for other in others):
                return True
    return False


def _is_well_formed(ops: list[Op]) -> bool:
    """Whether time runs forwards and each process does one thing at a time, nothing after an indefinite one."""
    busy: dict[int, float] = {}
    for op in by_invocation(ops):
        if op.invoked < 0 or (op.ended is not None and op.ended < op.invoked):
            return False
        if busy.get(op.process, 0) > op.invoked:
            return False
        busy[op.process] = op.returned
    return True


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
    return _with(ops, i, process=_new_process(ops), invoked=invoked, ended=ended)


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
    changed = _with(ops, i, process=b.process, invoked=b.invoked, ended=b.ended)
    return _with(changed, j, process=a.process, invoked=a.invoked, ended=a.ended)


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


MUTATIONS: Final[tuple[Mutation, ...]] = (
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
