"""The state machine of one stream against a naive model."""

from __future__ import annotations

from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec import structs

from fencepost.harness.s2 import Append, Position, Read, Record
from fencepost.harness.server.errors import ServiceError, StateMismatch
from fencepost.harness.server.stream import Stream
from fencepost.harness.server.values import Retention, StreamConfig, TimestampingMode
from tests.server.commands import NOW, fence, trim

from .naive import NaiveStream

tokens = st.sampled_from(["", "a", "ab", "ü"])
timestamps = st.none() | st.integers(0, 60)
headers = st.lists(st.tuples(st.binary(min_size=1, max_size=2), st.binary(max_size=2)), max_size=2).map(tuple)
data = st.builds(Record, st.binary(max_size=6), headers, timestamps)
commands = st.builds(
    lambda command, timestamp: Record(command.body, command.headers, timestamp),
    st.builds(fence, tokens) | st.builds(trim, st.integers(0, 40)),
    timestamps,
)
batches = st.lists(st.one_of(data, data, commands), min_size=1, max_size=5).map(tuple)


class Pair:
    """A stream and its model, put through the same; whatever differs fails."""

    def __init__(self, mode: TimestampingMode, uncapped: bool) -> None:
        self.stream = Stream(StreamConfig(timestamping_mode=mode, timestamping_uncapped=uncapped))
        self.model = NaiveStream(mode.value, uncapped)
        self.ends: list[Position] = []

    def append(self, batch: Append, now: int) -> None:
        expected = self.model.append(batch, now)
        assert self._append(batch, now) == expected

    def _append(self, batch: Append, now: int) -> tuple[str, object]:
        try:
            sequenced = self.stream.append(batch, now)
        except StateMismatch as failed:
            ((kind, value),) = failed.body.items()
            return {"fencing_token_mismatch": "token", "seq_num_mismatch": "match"}[kind], value
        except ServiceError as error:
            return error.code, None
        assert list(sequenced.records) == self.model.batches[-1]
        first, last = sequenced.records[0], sequenced.records[-1]
        assert sequenced.ack.start == Position(first.seq_num, first.timestamp)
        assert sequenced.ack.end == sequenced.ack.tail == Position(last.seq_num + 1, last.timestamp)
        self.ends.append(sequenced.ack.end)
        return "ok", sequenced.ack.start.seq_num

    def settle(self, more: int) -> None:
        """So many batches more are durable."""
        durable = min(self.model.durable + more, len(self.model.batches))
        if durable:
            self.model.durable = durable
            self.stream.settle(self.ends[durable - 1])

    def recover(self) -> None:
        """A server started again from the durable batches is the same, less what was not durable."""
        self._forget()
        self.stream = Stream(self.stream.config)
        for batch, arrival in zip(self.model.batches, self.model.arrivals, strict=True):
            self.stream.recover(tuple(batch), arrival)
        self.stream.expire(self.model.expired)

    def roll_back(self) -> None:
        """The disk was full: the stream is the same, less what was not durable."""
        self._forget()
        self.stream.roll_back()

    def _forget(self) -> None:
        durable = self.model.durable
        del self.model.batches[durable:], self.model.arrivals[durable:], self.ends[durable:]

    def expire(self, age: int | None, now: int) -> None:
        """Records are kept for so long from now on, and those that are older are gone."""
        self.stream.config = structs.replace(self.stream.config, retention=Retention(age))
        below = self.stream.expired(now)
        assert below == self.model.expires(age, now)
        if below is not None:
            self.stream.expire_later(below)
            assert self.stream.expired(now) is None
            self.stream.expire(below)
            self.model.expired = below

    def read(self, query: Read) -> None:
        outcome: tuple[str, object]
        try:
            page = self.stream.page(self.stream.locate(query, NOW), query, NOW)
            waits = not page.records and not page.bounded and query.wait
            outcome = ("wait", None) if waits else ("ok", list(page.records))
        except StateMismatch as beyond:
            outcome = ("tail", beyond.value)
        except ServiceError as refusal:
            outcome = (refusal.code, None)
        assert outcome == self.model.read(query)

    def same_state(self) -> None:
        assert self.stream.tail(NOW) == self.model.tail()
        assert self.stream.trim_point == self.model.trim_point()
        assert self.stream.fencing_token == self.model.token()
        assert self.stream.next_seq_num == self.model.tail(durable=False).seq_num


class StreamAgainstModel(RuleBasedStateMachine):
    """hypothesis searches for a difference, and shrinks it."""

    @initialize(mode=st.sampled_from(TimestampingMode), uncapped=st.booleans())
    def make(self, mode: TimestampingMode, uncapped: bool) -> None:
        self.pair = Pair(mode, uncapped)

    @rule(
        records=batches,
        token=st.none() | st.none() | tokens,
        match=st.none() | st.none() | st.integers(-1, 1),
        now=st.integers(0, 50),
    )
    def append(self, records: tuple[Record, ...], token: str | None, match: int | None, now: int) -> None:
        tail = self.pair.model.tail(durable=False).seq_num
        self.pair.append(Append(records, None if match is None else max(0, tail + match), token), now)

    @rule(more=st.integers(1, 3))
    def settle(self, more: int) -> None:
        self.pair.settle(more)

    @rule()
    def recover(self) -> None:
        self.pair.recover()

    @rule()
    def roll_back(self) -> None:
        self.pair.roll_back()

    @rule(age=st.sampled_from([None, 1, 1, 2]), now=st.integers(1000, 2060))
    def expire(self, age: int | None, now: int) -> None:
        self.pair.expire(age, now)

    @rule(
        start=st.sampled_from(["seq_num", "timestamp", "tail_offset", None]),
        at=st.integers(0, 60),
        clamp=st.booleans(),
        count=st.none() | st.integers(0, 8),
        limit=st.none() | st.integers(0, 120),
        until=st.none() | st.integers(0, 60),
        wait=st.sampled_from([None, 0, 5]),
    )
    def read(
        self,
        start: str | None,
        at: int,
        clamp: bool,
        count: int | None,
        limit: int | None,
        until: int | None,
        wait: int | None,
    ) -> None:
        given = {start: at} if start else {}
        self.pair.read(Read(**given, clamp=clamp, count=count, bytes=limit, until=until, wait=wait))

    @invariant()
    def same_state(self) -> None:
        if hasattr(self, "pair"):
            self.pair.same_state()


TestStreamAgainstModel = StreamAgainstModel.TestCase
TestStreamAgainstModel.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def draw_record(random: Random) -> Record:
    timestamp = random.choice([None, random.randrange(60)])
    chance = random.random()
    if chance < 0.2:
        command = fence(random.choice(["", "a", "ab", "ü"]))
    elif chance < 0.4:
        command = trim(random.randrange(40))
    else:
        names = tuple((b"k" * random.randint(1, 2), b"v" * random.randrange(3)) for _ in range(random.randrange(3)))
        return Record(random.randbytes(random.randrange(6)), names, timestamp)
    return Record(command.body, command.headers, timestamp)


def draw_batch(random: Random, pair: Pair) -> Append:
    """Mostly one that is accepted."""
    records = tuple(draw_record(random) for _ in range(random.randint(1, 5)))
    tail = pair.model.tail(durable=False).seq_num
    match = random.choice([None, None, tail, max(0, tail + random.randint(-1, 1))])
    token = random.choice([None, None, pair.model.token(), random.choice(["", "a", "ab", "ü"])])
    return Append(records, match, token)


def draw_query(random: Random, pair: Pair) -> Read:
    """One whose bounds are those of the stream, or just beside them."""
    tail = pair.model.tail()
    stamps = [record.timestamp for record in pair.model.records(durable=True)] or [0]

    def near(value: int) -> int:
        return max(0, value + random.choice([-1, 0, 0, 1]))

    starts = {
        "seq_num": random.choice([random.randint(0, tail.seq_num), near(tail.seq_num), near(pair.model.trim_point())]),
        "timestamp": near(random.choice(stamps)),
        "tail_offset": near(random.randint(0, tail.seq_num)),
    }
    start = random.choice([*starts, None])
    return Read(
        **{start: starts[start]} if start else {},
        clamp=random.random() < 0.3,
        count=random.choice([None, None, random.randrange(6)]),
        bytes=random.choice([None, None, random.randrange(100)]),
        until=random.choice([None, None, near(random.choice(stamps))]),
        wait=random.choice([None, 0, 5]),
    )


def test_random_histories_agree_with_the_model() -> None:
    for seed in range(400):
        random = Random(seed)
        pair = Pair(random.choice(list(TimestampingMode)), random.random() < 0.3)
        try:
            for _ in range(random.randrange(20)):
                pair.append(draw_batch(random, pair), random.randrange(50))
                if random.random() < 0.6:
                    pair.settle(random.randint(1, 3))
                match random.randrange(20):
                    case 0 | 1:
                        pair.recover()
                    case 2:
                        pair.roll_back()
                    case 3 | 4:
                        pair.expire(random.choice([None, 1, 1, 2]), random.randrange(1000, 2060))
                pair.same_state()
                for _ in range(4):
                    pair.read(draw_query(random, pair))
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise
