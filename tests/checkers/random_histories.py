"""Small random histories in bulk, from a seed: of a correct stream under concurrent clients, and damaged ones.

The correct stream is the reference server's state machine, so that a valid history here is one on which it and the
oracles agree; it forgets what it may at random times (:mod:`.forgetful_stream`). Each operation is a coroutine that
stops before every step that something else could come before; whose step is next is drawn. Time stands still between
some steps, so that intervals touch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Final

from msgspec import structs

from fencepost.harness import s2
from fencepost.harness.s2 import Read
from fencepost.testing import stream_hash
from fencepost.testing.operations import (
    Ack,
    Answer,
    Batch,
    Lost,
    Op,
    Part,
    Position,
    Rec,
    Refused,
    Seen,
    Tail,
    TailMismatch,
    TokenMismatch,
    Unsatisfiable,
    Whole,
)
from tests.checkers.forgetful_stream import TERMINAL, ForgetfulStream
from tests.checkers.random_requests import random_conditions, random_read
from tests.checkers.stories import PLAIN, TOKENS, Features, Story, cut_off

_DONE: Final = object()


def random_story(random: Random, origin: str = "", features: Features = PLAIN) -> Story:
    """What clients may see of a correct stream: 2 to 7 operations or a few more, and perhaps a closing read."""
    operations = random.choice((2, 3, 3, 4, 4, 4, 5, 5, 5, 6, 7))
    story = _Simulation(random, features).run(operations, origin)
    return cut_off(random, story) if features.cuts and random.random() < 0.15 else story


class _Simulation:
    def __init__(self, random: Random, features: Features) -> None:
        self._random = random
        self._features = features
        self._retention = 1000 if features.retention and random.random() < 0.1 else None
        self._others = features.absences and random.random() < 0.05
        self._stream = ForgetfulStream(self._retention is not None)
        self._timed = features.untimed and random.random() < 0.25  # all about timestamps that nobody reports
        self._untimed = 1.0 if self._timed else random.choice((0.0, 0.0, 0.5, 1.0)) * features.untimed
        self._now = 0
        self._wall = 1000
        self._free = list(range(random.randint(1, 4)))
        self._processes = len(self._free)
        self._ops: list[Op] = []
        self._names = iter(f"{letter}{number}" for number in range(9) for letter in "abcdefghijklmnopqrstuvwxyz")
        self._most_lost = random.choice((0, 0, 1, 1, 2, 3, 4))
        self._lost = 0
        self._fences = random.choice((0.1, 0.3, 0.5))
        self._trims = random.choice((0.0, 0.0, 0.2, 0.3))
        self._forgets = random.choice((0.05, 0.1, 0.3))
        old = random.random() < 0.2
        self._before = random.randint(2, 5) if old else random.choice((None,) * 5 + (0, 1, 2))
        self._commands = ["append"] * 5 + ["read"] * random.choice((2, 4)) + ["check-tail"]
        self._commands += ["read"] * 5 * (old or self._timed)
        self._commands += ["append session"] * 2 * features.append_sessions + ["whole read"] * features.hashes
        self._commands += ["read session"] * 2 * features.read_sessions + ["cut read"] * features.cut_short
        self._sessions = iter(range(99))
        self._unique = not (features.repeats and random.random() < 0.3)

    def run(self, operations: int, origin: str) -> Story:
        self._begin()
        tail = self._stream.first_tail = self._stream.tail.seq_num
        token = self._stream.server.fencing_token if self._random.random() < 0.97 else None
        clients: list[Iterator[None]] = []
        servers: list[Iterator[None]] = []
        random = self._random
        haste, cut = random.choice((0.0, 0.5, 0.9)), random.random() < 0.1
        while len(self._ops) < operations or (clients and not cut):
            running = clients + servers
            more = len(self._ops) < operations and self._free
            if more and (not clients or random.random() > max(haste, 0.4)):
                self._tick()
                self._start(clients, servers)
            else:
                self._tick()
                chosen = clients[-1] if clients and random.random() < haste else random.choice(running)
                if next(chosen, _DONE) is _DONE:
                    (clients if chosen in clients else servers).remove(chosen)
        if not clients and random.random() < 0.6 and not self._timed:
            self._now += 1
            self._close()
        declared = {"others_may_delete": self._others, "retention_ms": self._retention}
        return Story(tuple(self._ops), tail, token, origin, self._unique, **declared)  # type: ignore[arg-type]

    def _begin(self) -> None:
        """Now and then the stream has had a life before the history, or is yet to be created."""
        if self._features.absences and self._random.random() < 0.1:
            self._stream.exists = False
        elif self._before is not None:
            token = self._random.choice(TOKENS)
            batch = [Rec(f"before{i}") for i in range(self._before)]
            if token or not batch:
                batch.append(Rec(f"fence={token}", fence=token))
            self._stream.append(tuple(batch), None, None, self._wall)

    def _tick(self) -> None:
        self._now += self._random.choice((0, 1, 1, 2))
        self._wall += self._random.choice((0, 0, 1, 2, -3))
        if self._random.random() < self._forgets:
            self._stream.forget(self._random)
        if self._random.random() < 0.2:
            ends = self._others or self._stream.deleted
            self._stream.exists = not ends if self._stream.exists or not self._stream.records else False

    def _start(self, clients: list[Iterator[None]], servers: list[Iterator[None]]) -> None:
        process = self._free.pop(self._random.randrange(len(self._free)))
        command = (
            "append"
            if not self._stream.records and self._random.random() < 0.5
            else self._random.choice(self._commands)
        )
        place = len(self._ops)
        if command == "append session":
            clients.append(self._pipelining(process, servers))
            next(clients[-1])
            return
        kind = command if command in ("append", "check-tail") else "read"
        self._ops.append(Op(kind, process, self._now, None, Lost()))
        if command == "append":
            self._ops[place] = replace(self._ops[place], **self._batch())  # type: ignore[arg-type]
            if self._lost < self._most_lost and self._random.random() < 0.4:
                self._lost += 1
                clients.append(self._giving_up(place))
                if self._random.random() < 0.6:
                    servers.append(self._arriving(place))
                return
            work = self._appending(place)
        elif command == "whole read":
            self._ops[place] = replace(self._ops[place], read=s2.Read(seq_num=0))
            work = self._hashing(place)
        elif command in ("read session", "cut read"):
            session = next(self._sessions) if command == "read session" else None
            self._ops[place] = replace(self._ops[place], read=self._query(), session=session)
            work = self._streaming(place)
        elif command == "read":
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
        match, given = random_conditions(random, self._stream.tail.seq_num, self._stream.server.fencing_token)
        records = tuple(self._rec() for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))))
        return {"records": records, "match": match, "token": given}

    def _rec(self) -> Rec:
        random = self._random
        timestamp = random.randint(995, 1010) if random.random() < 0.05 else None
        timestamp = random.randint(self._wall - 4, self._wall) if self._timed else timestamp
        if random.random() < self._fences:
            token = random.choice(TOKENS)
            return Rec(f"fence={token}", timestamp=timestamp, fence=token)
        if random.random() < self._trims:
            trim = random.randint(0, self._stream.tail.seq_num + 5)
            trim = TERMINAL if self._features.absences and random.random() < 0.1 else trim
            return Rec(f"trim={trim}", timestamp=timestamp, trim=trim)
        if not self._unique:
            return random.choice((Rec("a"), Rec("a"), Rec("b", 20)))
        return Rec(next(self._names), random.choice((None, None, 20, 40)), timestamp)

    def _query(self) -> s2.Read:
        return random_read(self._random, self._stream.tail.seq_num, self._wall, self._timed)

    # -- operations

    def _appending(self, place: int) -> Iterator[None]:
        yield
        op = self._ops[place]
        answer = self._apply(op.records, op.match, op.token)
        yield
        if isinstance(answer, Ack) and self._random.random() < 0.3:
            answer = replace(answer, tail=self._tail())
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
        if self._is_absent(place):
            return
        answer = Tail(self._tail())
        yield
        self._end(place, answer)

    def _is_absent(self, place: int) -> bool:
        """Whether the stream does not exist; the operation is answered so then."""
        if not self._stream.exists:
            self._end(place, self._stream.absence(self._random))
        return not self._stream.exists

    def _reading(self, place: int) -> Iterator[None]:
        yield
        query = self._ops[place].read
        if self._is_absent(place):
            return
        start = self._stream.start(query, bool(query.wait))
        if start is None:
            yield from self._out_of_range(place)
            return
        if query.wait:
            yield
        seen = self._stream.page(start, query)
        after = seen[-1].seq_num + 1 if seen else start
        tails = [tail for tail in self._stream.tails if tail >= after] if query.wait else []
        yield
        followed = self._random.choice(tails) if tails and self._random.random() < 0.5 else None
        self._end(place, Batch(seen, None if followed is None else (followed, 0)))

    def _out_of_range(self, place: int) -> Iterator[None]:
        tail = self._stream.tail
        yield
        self._end(place, Unsatisfiable((tail.seq_num, tail.timestamp)))

    def _streaming(self, place: int) -> Iterator[None]:
        """A read whose answer comes in parts: of a session, or of one that is cut short."""
        random, op = self._random, self._ops[place]
        yield
        if self._is_absent(place):
            return
        limits = op.read.count, op.read.bytes, op.read.until
        follows = bool(op.read.wait) or (op.session is not None and limits == (None, None, None))
        query = op.read
        at = self._stream.start(query, follows)
        late = query.timestamp is not None and not follows  # where it starts is known with the first record only
        if at is None:
            yield from self._out_of_range(place)
            return
        named = 0
        for _ in range(random.choice((0, 1, 1, 2, 3))):
            yield
            few = random.choice((0, 1, 1, 2, 3)) if follows else random.choice((1, 1, 2, 3))
            at = self._stream.start(query, follows) if late else at
            if at is None:
                break
            some = structs.replace(query, count=few if query.count is None else min(few, query.count))
            seen = self._stream.page(at, some)
            late = late and not seen
            at, named, tail = self._named(at, named, seen, follows)
            query = self._less(query, seen)
            yield
            if seen or tail:
                op = self._ops[place]
                self._ops[place] = replace(op, parts=(*op.parts, Part(self._now, seen, tail)))
        yield
        if op.session is None or random.random() < 0.3:
            yield from self._breaking_off(place)
            return
        at = self._stream.start(query, follows) if late else at
        if self._is_absent(place):
            return
        if at is None:
            yield from self._out_of_range(place)
            return
        seen = self._stream.page(at, query)
        seen = seen[: random.randint(0, len(seen))] if follows else seen
        _, _, tail = self._named(at, named, seen, follows)
        yield
        self._end(place, Batch(seen, tail))

    def _named(
        self, at: int, named: int, seen: tuple[Seen, ...], follows: bool
    ) -> tuple[int, int, tuple[int, int] | None]:
        """Where a follower is now, the tail that it has been told last, and what it is told of the tail now."""
        at = seen[-1].seq_num + 1 if seen else at
        tails = [tail for tail in self._stream.tails if tail >= max(at, named)] if follows else []
        if not tails or self._random.random() < 0.4:
            return at, named, None
        tail = self._random.choice(tails)
        return at, tail, (tail, 0)

    @staticmethod
    def _less(query: Read, seen: tuple[Seen, ...]) -> Read:
        count = None if query.count is None else query.count - len(seen)
        size = None if query.bytes is None else query.bytes - sum(one.rec.metered for one in seen)
        return structs.replace(query, count=count, bytes=size)

    def _breaking_off(self, place: int) -> Iterator[None]:
        if self._random.random() < 0.5:
            self._end(place, Refused("rate_limited", 429))
        else:
            yield from self._giving_up(place)

    def _hashing(self, place: int) -> Iterator[None]:
        yield
        if self._is_absent(place):
            return
        if self._stream.gone:
            self._end(place, Refused("rate_limited", 429))  # nobody can read the whole of it any more
            return
        tail = self._tail()
        found = stream_hash(one.rec.digest for one in self._stream.records)
        yield
        self._end(place, Whole(tail, found))

    def _pipelining(self, process: int, servers: list[Iterator[None]]) -> Iterator[None]:
        """The client and the server of an append session: submit, apply and answer in order, each in its own time.

        It breaks now and then: what was submitted may be applied yet, in order. After a failure nothing is.
        """
        random, session = self._random, next(self._sessions)
        most, room = random.choice((2, 2, 3, 4)), 4 - self._lost
        breaks = random.random() < 0.3
        places: list[int] = []
        answers: list[Answer] = []
        told = 0
        while told < most and not (told and not isinstance(answers[told - 1], Ack)):
            steps = ["submit"] * (len(places) < most) + ["answer"] * (told < len(answers))
            steps += ["apply"] * (len(answers) < len(places) and not (answers and not isinstance(answers[-1], Ack)))
            step = random.choice(steps)
            if breaks and told < len(places) <= told + room and random.random() < 0.3:
                break
            if step == "submit":
                places.append(len(self._ops))
                op = Op("append", process, self._now, None, Lost(), session=session)
                self._ops.append(replace(op, **self._batch()))  # type: ignore[arg-type]
            elif step == "apply":
                op = self._ops[places[len(answers)]]
                answers.append(self._apply(op.records, op.match, op.token))
            else:
                self._answer(places[told], answers[told])
                told += 1
            yield
        failed = told > 0 and not isinstance(answers[told - 1], Ack)
        if told < len(places) and all(isinstance(answer, Ack) for answer in answers):
            servers.append(self._arriving_in_order(places[len(answers) :]))
        self._abandon(places[told:], certain=failed and (random.random() < 0.6 or len(places) - told > room))
        lost = any(isinstance(self._ops[place].answer, Lost) for place in places)
        self._free.append(self._processes if lost else process)
        self._processes += lost

    def _answer(self, place: int, answer: Answer) -> None:
        if isinstance(answer, Ack) and self._random.random() < 0.3:
            answer = replace(answer, tail=self._tail())
        self._ops[place] = replace(self._ops[place], ended=self._now, answer=answer)

    def _abandon(self, places: list[int], certain: bool) -> None:
        """Nobody answers these any more. ``certain``: because the session had failed, and their client knows."""
        ended = self._now if certain or self._random.random() < 0.7 else None
        for place in places:
            answer = Refused("session_failed", None) if certain else Lost()
            self._ops[place] = replace(self._ops[place], ended=ended, answer=answer)
            self._lost += not certain

    def _arriving_in_order(self, places: list[int]) -> Iterator[None]:
        for place in places[: self._random.randint(0, len(places))]:
            yield
            op = self._ops[place]
            if not isinstance(self._apply(op.records, op.match, op.token), Ack):
                return

    def _end(self, place: int, answer: Answer) -> None:
        self._ops[place] = replace(self._ops[place], ended=self._now, answer=answer)
        self._free.append(self._ops[place].process)

    def _apply(self, records: tuple[Rec, ...], match: int | None, token: str | None) -> Answer:
        stream = self._stream
        if not stream.exists and not stream.records and self._random.random() < 0.5:
            stream.exists = True  # created by the first that writes
        if not stream.exists:
            return stream.absence(self._random)
        answer = stream.append(records, match, token, self._wall)
        if isinstance(answer, Ack):
            return Ack(self._told(answer.start), self._told(answer.end), self._told(answer.tail))
        return answer

    def _tail(self) -> Position:
        return self._told((self._stream.tail.seq_num, self._stream.tail.timestamp))

    def _told(self, position: Position) -> Position:
        """The position, as far as clients record it."""
        return position[0], None if self._random.random() < self._untimed else position[1]

    def _close(self) -> None:
        """A fence now and then, then all there is."""
        process = self._processes
        if self._random.random() < 0.3:
            self._ops.append(Op("append", process, self._now, None, Lost(), (Rec("fence=z", fence="z"),)))
            for _ in self._appending(len(self._ops) - 1):
                self._now += 1
        self._ops.append(Op("read", process, self._now + 1, None, Lost(), read=s2.Read(seq_num=0)))
        self._now += 1
        for _ in self._reading(len(self._ops) - 1):
            self._now += 1
