"""The state machine of one stream: against a naive model, and rule by rule."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fencepost.harness.server.errors import ConditionFailed, RangeNotSatisfiable, ServiceError
from fencepost.harness.server.stream import Stream
from fencepost.harness.server.values import (
    MAX_BATCH_BYTES,
    AppendInput,
    AppendRecord,
    Headers,
    ReadInput,
    SequencedRecord,
    StreamConfig,
    StreamPosition,
    TimestampingMode,
    metered_size,
)

from .naive import NaiveStream

NOW = 1_000_000


def fence(token: str) -> AppendRecord:
    return AppendRecord(token.encode(), ((b"", b"fence"),))


def trim(seq_num: int) -> AppendRecord:
    return AppendRecord(seq_num.to_bytes(8, "big"), ((b"", b"trim"),))


def put(stream: Stream, *records: AppendRecord, now: int = NOW, **conditions: int | str) -> StreamPosition:
    """Append and settle; the start."""
    ack = stream.append(AppendInput(records, **conditions), now).ack  # type: ignore[arg-type]
    stream.settle(ack.end)
    return ack.start


def seq_nums(stream: Stream, **query: object) -> list[int]:
    read = ReadInput(**query)  # type: ignore[arg-type]
    page = stream.page(stream.locate(read, NOW), read, NOW)
    return [record.seq_num for record in page.records]


# -- against the model

tokens = st.sampled_from(["", "a", "ab", "ü"])
timestamps = st.none() | st.integers(0, 60)
headers = st.lists(st.tuples(st.binary(min_size=1, max_size=2), st.binary(max_size=2)), max_size=2).map(tuple)
data = st.builds(AppendRecord, st.binary(max_size=6), headers, timestamps)
commands = st.builds(
    lambda command, timestamp: AppendRecord(command.body, command.headers, timestamp),
    st.builds(fence, tokens) | st.builds(trim, st.integers(0, 40)),
    timestamps,
)
batches = st.lists(st.one_of(data, data, commands), min_size=1, max_size=5).map(tuple)


class Pair:
    """A stream and its model, put through the same; whatever differs fails."""

    def __init__(self, mode: TimestampingMode, uncapped: bool) -> None:
        self.stream = Stream(StreamConfig(timestamping_mode=mode, timestamping_uncapped=uncapped))
        self.model = NaiveStream(mode.value, uncapped)
        self.ends: list[StreamPosition] = []

    def append(self, batch: AppendInput, now: int) -> None:
        expected = self.model.append(batch, now)
        assert self._append(batch, now) == expected

    def _append(self, batch: AppendInput, now: int) -> tuple[str, object]:
        try:
            sequenced = self.stream.append(batch, now)
        except ConditionFailed as failed:
            ((kind, value),) = failed.body.items()
            return {"fencing_token_mismatch": "token", "seq_num_mismatch": "match"}[kind], value
        except ServiceError as error:
            return error.code, None
        assert list(sequenced.records) == self.model.batches[-1]
        first, last = sequenced.records[0], sequenced.records[-1]
        assert sequenced.ack.start == StreamPosition(first.seq_num, first.timestamp)
        assert sequenced.ack.end == sequenced.ack.tail == StreamPosition(last.seq_num + 1, last.timestamp)
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
        del self.model.batches[self.model.durable :], self.ends[self.model.durable :]
        self.stream = Stream(self.stream.config)
        for batch in self.model.batches:
            self.stream.recover(tuple(batch))

    def read(self, query: ReadInput) -> None:
        outcome: tuple[str, object]
        try:
            page = self.stream.page(self.stream.locate(query, NOW), query, NOW)
            waits = not page.records and not page.bounded and query.wait
            outcome = ("wait", None) if waits else ("ok", list(page.records))
        except RangeNotSatisfiable as beyond:
            outcome = ("tail", beyond.tail)
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
    def append(self, records: tuple[AppendRecord, ...], token: str | None, match: int | None, now: int) -> None:
        tail = self.pair.model.tail(durable=False).seq_num
        self.pair.append(AppendInput(records, None if match is None else max(0, tail + match), token), now)

    @rule(more=st.integers(1, 3))
    def settle(self, more: int) -> None:
        self.pair.settle(more)

    @rule()
    def recover(self) -> None:
        self.pair.recover()

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
        self.pair.read(ReadInput(**given, clamp=clamp, count=count, bytes=limit, until=until, wait=wait))

    @invariant()
    def same_state(self) -> None:
        if hasattr(self, "pair"):
            self.pair.same_state()


TestStreamAgainstModel = StreamAgainstModel.TestCase
TestStreamAgainstModel.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def draw_record(random: Random) -> AppendRecord:
    timestamp = random.choice([None, random.randrange(60)])
    chance = random.random()
    if chance < 0.2:
        command = fence(random.choice(["", "a", "ab", "ü"]))
    elif chance < 0.4:
        command = trim(random.randrange(40))
    else:
        names = tuple((b"k" * random.randint(1, 2), b"v" * random.randrange(3)) for _ in range(random.randrange(3)))
        return AppendRecord(random.randbytes(random.randrange(6)), names, timestamp)
    return AppendRecord(command.body, command.headers, timestamp)


def draw_batch(random: Random, pair: Pair) -> AppendInput:
    """Mostly one that is accepted."""
    records = tuple(draw_record(random) for _ in range(random.randint(1, 5)))
    tail = pair.model.tail(durable=False).seq_num
    match = random.choice([None, None, tail, max(0, tail + random.randint(-1, 1))])
    token = random.choice([None, None, pair.model.token(), random.choice(["", "a", "ab", "ü"])])
    return AppendInput(records, match, token)


def draw_query(random: Random, pair: Pair) -> ReadInput:
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
    return ReadInput(
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
                if random.random() < 0.1:
                    pair.recover()
                pair.same_state()
                for _ in range(4):
                    pair.read(draw_query(random, pair))
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise


# -- conditions


def test_the_token_is_tested_before_the_match() -> None:
    stream = Stream()
    put(stream, fence("a"))
    with pytest.raises(ConditionFailed) as failed:
        put(stream, AppendRecord(b"x"), fencing_token="b", match_seq_num=7)
    assert failed.value.body == {"fencing_token_mismatch": "a"}
    with pytest.raises(ConditionFailed) as failed:
        put(stream, AppendRecord(b"x"), fencing_token="a", match_seq_num=7)
    assert failed.value.body == {"seq_num_mismatch": 1}
    assert put(stream, AppendRecord(b"x"), fencing_token="a", match_seq_num=1).seq_num == 1


def test_the_empty_token_matches_a_stream_without_one_and_no_other() -> None:
    stream = Stream()
    put(stream, AppendRecord(), fencing_token="")
    put(stream, fence("a"))
    with pytest.raises(ConditionFailed):
        put(stream, AppendRecord(), fencing_token="")
    put(stream, AppendRecord())  # no token is never fenced
    put(stream, fence(""))
    assert put(stream, AppendRecord(), fencing_token="").seq_num == 4


def test_a_batch_is_tested_against_the_token_before_it_and_leaves_its_last_fence() -> None:
    stream = Stream()
    put(stream, fence("a"))
    with pytest.raises(ConditionFailed):
        put(stream, fence("b"), AppendRecord(b"x"), fencing_token="b")
    put(stream, fence("b"), AppendRecord(b"x"), fence("c"), fencing_token="a")
    assert stream.fencing_token == "c"


def test_a_match_is_tested_against_the_next_assignable_position_not_the_durable_one() -> None:
    stream = Stream()
    stream.append(AppendInput((AppendRecord(),)), NOW)
    assert stream.tail(NOW) == StreamPosition(0, 0)
    with pytest.raises(ConditionFailed) as failed:
        stream.append(AppendInput((AppendRecord(),), match_seq_num=0), NOW)
    assert failed.value.seq_num == 1


def test_a_missing_timestamp_is_reported_only_if_the_conditions_held() -> None:
    stream = Stream(StreamConfig(timestamping_mode=TimestampingMode.CLIENT_REQUIRE))
    with pytest.raises(ConditionFailed):
        put(stream, AppendRecord(), match_seq_num=5)
    with pytest.raises(ServiceError, match="record 1 has no timestamp"):
        put(stream, AppendRecord(timestamp=3), AppendRecord(), match_seq_num=0)
    assert stream.next_seq_num == 0


# -- limits and commands


@pytest.mark.parametrize(
    ("headers", "body", "complaint"),
    [
        (((b"", b"fence"), (b"k", b"v")), b"t", "empty"),
        (((b"k", b"v"), (b"", b"x")), b"", "empty"),
        (((b"", b"purge"),), b"", "no command"),
        (((b"", b""),), b"", "no command"),
        (((b"", b"fence"),), b"x" * 37, "at most 36"),
        (((b"", b"fence"),), b"\xff", "UTF-8"),
        (((b"", b"trim"),), b"1234567", "8 bytes"),
        (((b"", b"trim"),), b"123456789", "8 bytes"),
    ],
)
def test_a_malformed_command_is_refused_with_its_whole_batch(headers: Headers, body: bytes, complaint: str) -> None:
    stream = Stream()
    with pytest.raises(ServiceError, match=complaint) as refused:
        put(stream, AppendRecord(b"good"), AppendRecord(body, headers))
    assert (refused.value.status, refused.value.code) == (422, "invalid")
    assert stream.next_seq_num == 0


def test_a_fence_of_36_bytes_is_taken() -> None:
    stream = Stream()
    put(stream, fence("ü" * 18))
    assert stream.fencing_token == "ü" * 18
    with pytest.raises(ServiceError, match="at most 36"):
        put(stream, AppendRecord(), fencing_token="ü" * 18 + "x")


@pytest.mark.parametrize("count", [0, 1001])
def test_a_batch_has_1_to_1000_records(count: int) -> None:
    stream = Stream()
    with pytest.raises(ServiceError):
        put(stream, *[AppendRecord()] * count)
    put(stream, *[AppendRecord()] * 1000)
    assert stream.durable.seq_num == 1000


def test_a_batch_has_at_most_a_mebibyte_metered() -> None:
    stream = Stream()
    full = AppendRecord(b"x" * (MAX_BATCH_BYTES - 8 - 2 - 3), ((b"k", b"va"),))
    assert metered_size(full) == MAX_BATCH_BYTES
    put(stream, full)
    with pytest.raises(ServiceError, match="1048576"):
        put(stream, AppendRecord(full.body + b"x", full.headers))
    assert seq_nums(stream, seq_num=0) == [0]


def test_a_timestamp_beyond_64_bits_is_refused() -> None:
    with pytest.raises(ServiceError, match="64-bit"):
        put(Stream(), AppendRecord(timestamp=1 << 64))


# -- trimming


def test_trim_is_clamped_to_its_own_end_and_moves_forward_only() -> None:
    stream = Stream()
    put(stream, *[AppendRecord()] * 4)
    put(stream, trim(1 << 63))
    assert stream.trim_point == 5
    put(stream, trim(2))
    assert stream.trim_point == 5
    assert seq_nums(stream, seq_num=0) == [5]


def test_a_trim_takes_effect_when_it_is_durable() -> None:
    stream = Stream()
    put(stream, AppendRecord(), AppendRecord())
    sequenced = stream.append(AppendInput((trim(1),)), NOW)
    assert seq_nums(stream, seq_num=0) == [0, 1]
    stream.settle(sequenced.ack.end)
    assert seq_nums(stream, seq_num=0) == [1, 2]


def test_a_trim_does_not_take_effect_with_the_batch_before_it() -> None:
    stream = Stream()
    before = stream.append(AppendInput((AppendRecord(), AppendRecord())), NOW)
    after = stream.append(AppendInput((trim(1),)), NOW)
    stream.settle(before.ack.end)
    assert seq_nums(stream, seq_num=0) == [0, 1]
    stream.settle(after.ack.end)
    assert seq_nums(stream, seq_num=0) == [1, 2]


def test_what_was_trimmed_leaves_memory_and_the_rest_keeps_its_place() -> None:
    stream = Stream()
    for _ in range(5):
        put(stream, *[AppendRecord(b"x")] * 1000)
    put(stream, trim(4500))
    assert len(stream._records) == 501
    assert seq_nums(stream, seq_num=0, count=2) == [4500, 4501]
    assert seq_nums(stream, tail_offset=1) == [5000]


# -- reading


def test_a_unary_read_is_bounded_by_1000_records_and_a_mebibyte() -> None:
    stream = Stream()
    put(stream, *[AppendRecord()] * 1000)
    put(stream, AppendRecord())
    assert seq_nums(stream, seq_num=0, count=5000) == list(range(1000))
    big = Stream()
    for _ in range(3):
        put(big, AppendRecord(b"x" * 500_000))
    assert seq_nums(big, seq_num=0, bytes=1 << 30) == [0, 1]


def test_a_read_names_one_start_at_most() -> None:
    with pytest.raises(ServiceError, match="more than one"):
        Stream().locate(ReadInput(seq_num=0, tail_offset=0), NOW)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (ReadInput(seq_num=2), 416),
        (ReadInput(seq_num=3, wait=1), 416),
        (ReadInput(seq_num=3, clamp=True), 416),
        (ReadInput(timestamp=NOW + 1), 416),
        (ReadInput(), 416),
        (ReadInput(tail_offset=0, clamp=True), 416),
        (ReadInput(seq_num=3, clamp=True, wait=1), 200),
        (ReadInput(seq_num=2, wait=1), 200),
        (ReadInput(tail_offset=9), 200),
        (ReadInput(timestamp=NOW), 200),
        (ReadInput(seq_num=0, count=0), 200),
    ],
)
def test_where_a_read_may_start(query: ReadInput, status: int) -> None:
    stream = Stream()
    put(stream, AppendRecord(), AppendRecord())
    if status == 416:
        with pytest.raises(RangeNotSatisfiable) as beyond:
            stream.locate(query, NOW)
        assert beyond.value.tail == StreamPosition(2, NOW)
    else:
        assert stream.locate(query, NOW) <= 2


def test_recovery_refuses_a_batch_that_does_not_follow() -> None:
    stream = Stream()
    stream.recover((SequencedRecord(0, 1, (), b""),))
    with pytest.raises(ValueError, match="tail of 1"):
        stream.recover((SequencedRecord(2, 1, (), b""),))
    with pytest.raises(ValueError, match="tail of 1"):
        stream.recover((SequencedRecord(1, 1, (), b""), SequencedRecord(1, 1, (), b"")))
