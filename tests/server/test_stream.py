"""The state machine of one stream, rule by rule."""

from __future__ import annotations

import pytest

from fencepost.harness.s2 import Append, Headers, Position, Read, Record, SequencedRecord, metered_size
from fencepost.harness.s2.limits import MAX_BATCH_BYTES
from fencepost.harness.server.errors import ServiceError, StateMismatch
from fencepost.harness.server.stream import Stream
from fencepost.harness.server.values import StreamConfig, TimestampingMode
from tests.server.commands import NOW, fence, put, seq_nums, trim


def test_the_token_is_tested_before_the_match() -> None:
    stream = Stream()
    put(stream, fence("a"))
    with pytest.raises(StateMismatch) as failed:
        put(stream, Record(b"x"), fencing_token="b", match_seq_num=7)
    assert failed.value.body == {"fencing_token_mismatch": "a"}
    with pytest.raises(StateMismatch) as failed:
        put(stream, Record(b"x"), fencing_token="a", match_seq_num=7)
    assert failed.value.body == {"seq_num_mismatch": 1}
    assert put(stream, Record(b"x"), fencing_token="a", match_seq_num=1).seq_num == 1


def test_the_empty_token_matches_a_stream_without_one_and_no_other() -> None:
    stream = Stream()
    put(stream, Record(), fencing_token="")
    put(stream, fence("a"))
    with pytest.raises(StateMismatch):
        put(stream, Record(), fencing_token="")
    put(stream, Record())  # no token is never fenced
    put(stream, fence(""))
    assert put(stream, Record(), fencing_token="").seq_num == 4


def test_a_batch_is_tested_against_the_token_before_it_and_leaves_its_last_fence() -> None:
    stream = Stream()
    put(stream, fence("a"))
    with pytest.raises(StateMismatch):
        put(stream, fence("b"), Record(b"x"), fencing_token="b")
    put(stream, fence("b"), Record(b"x"), fence("c"), fencing_token="a")
    assert stream.fencing_token == "c"


def test_a_match_is_tested_against_the_next_assignable_position_not_the_durable_one() -> None:
    stream = Stream()
    stream.append(Append((Record(),)), NOW)
    assert stream.tail(NOW) == Position(0, 0)
    with pytest.raises(StateMismatch) as failed:
        stream.append(Append((Record(),), match_seq_num=0), NOW)
    assert failed.value.value == 1


def test_a_missing_timestamp_is_reported_only_if_the_conditions_held() -> None:
    stream = Stream(StreamConfig(timestamping_mode=TimestampingMode.CLIENT_REQUIRE))
    with pytest.raises(StateMismatch):
        put(stream, Record(), match_seq_num=5)
    with pytest.raises(ServiceError, match="record 1 has no timestamp"):
        put(stream, Record(timestamp=3), Record(), match_seq_num=0)
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
        put(stream, Record(b"good"), Record(body, headers))
    assert (refused.value.status, refused.value.code) == (422, "invalid")
    assert stream.next_seq_num == 0


def test_a_fence_of_36_bytes_is_taken() -> None:
    stream = Stream()
    put(stream, fence("ü" * 18))
    assert stream.fencing_token == "ü" * 18
    with pytest.raises(ServiceError, match="at most 36"):
        put(stream, Record(), fencing_token="ü" * 18 + "x")


@pytest.mark.parametrize("count", [0, 1001])
def test_a_batch_has_1_to_1000_records(count: int) -> None:
    stream = Stream()
    with pytest.raises(ServiceError):
        put(stream, *[Record()] * count)
    put(stream, *[Record()] * 1000)
    assert stream.durable.seq_num == 1000


def test_a_batch_has_at_most_a_mebibyte_metered() -> None:
    stream = Stream()
    full = Record(b"x" * (MAX_BATCH_BYTES - 8 - 2 - 3), ((b"k", b"va"),))
    assert metered_size(full) == MAX_BATCH_BYTES
    put(stream, full)
    with pytest.raises(ServiceError, match="1048576"):
        put(stream, Record(full.body + b"x", full.headers))
    assert seq_nums(stream, seq_num=0) == [0]


def test_a_timestamp_beyond_64_bits_is_refused() -> None:
    with pytest.raises(ServiceError, match="64-bit"):
        put(Stream(), Record(timestamp=1 << 64))


# -- trimming


def test_trim_is_clamped_to_its_own_end_and_moves_forward_only() -> None:
    stream = Stream()
    put(stream, *[Record()] * 4)
    put(stream, trim(1 << 63))
    assert stream.trim_point == 5
    put(stream, trim(2))
    assert stream.trim_point == 5
    assert seq_nums(stream, seq_num=0) == [5]


def test_a_trim_takes_effect_when_it_is_durable() -> None:
    stream = Stream()
    put(stream, Record(), Record())
    sequenced = stream.append(Append((trim(1),)), NOW)
    assert seq_nums(stream, seq_num=0) == [0, 1]
    stream.settle(sequenced.ack.end)
    assert seq_nums(stream, seq_num=0) == [1, 2]


def test_a_trim_does_not_take_effect_with_the_batch_before_it() -> None:
    stream = Stream()
    before = stream.append(Append((Record(), Record())), NOW)
    after = stream.append(Append((trim(1),)), NOW)
    stream.settle(before.ack.end)
    assert seq_nums(stream, seq_num=0) == [0, 1]
    stream.settle(after.ack.end)
    assert seq_nums(stream, seq_num=0) == [1, 2]


def test_what_was_trimmed_leaves_memory_and_the_rest_keeps_its_place() -> None:
    stream = Stream()
    for _ in range(5):
        put(stream, *[Record(b"x")] * 1000)
    put(stream, trim(4500))
    assert len(stream._records) == 501
    assert seq_nums(stream, seq_num=0, count=2) == [4500, 4501]
    assert seq_nums(stream, tail_offset=1) == [5000]


# -- reading


def test_a_unary_read_is_bounded_by_1000_records_and_a_mebibyte() -> None:
    stream = Stream()
    put(stream, *[Record()] * 1000)
    put(stream, Record())
    assert seq_nums(stream, seq_num=0, count=5000) == list(range(1000))
    big = Stream()
    for _ in range(3):
        put(big, Record(b"x" * 500_000))
    assert seq_nums(big, seq_num=0, bytes=1 << 30) == [0, 1]


def test_a_read_names_one_start_at_most() -> None:
    with pytest.raises(ServiceError, match="more than one"):
        Stream().locate(Read(seq_num=0, tail_offset=0), NOW)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (Read(seq_num=2), 416),
        (Read(seq_num=3, wait=1), 416),
        (Read(seq_num=3, clamp=True), 416),
        (Read(timestamp=NOW + 1), 416),
        (Read(), 416),
        (Read(tail_offset=0, clamp=True), 416),
        (Read(seq_num=3, clamp=True, wait=1), 200),
        (Read(seq_num=2, wait=1), 200),
        (Read(tail_offset=9), 200),
        (Read(timestamp=NOW), 200),
        (Read(seq_num=0, count=0), 200),
    ],
)
def test_where_a_read_may_start(query: Read, status: int) -> None:
    stream = Stream()
    put(stream, Record(), Record())
    if status == 416:
        with pytest.raises(StateMismatch) as beyond:
            stream.locate(query, NOW)
        assert beyond.value.value == Position(2, NOW)
    else:
        assert stream.locate(query, NOW) <= 2


def test_recovery_refuses_a_batch_that_does_not_follow() -> None:
    stream = Stream()
    stream.recover((SequencedRecord(0, 1, (), b""),), 1)
    with pytest.raises(ValueError, match="tail of 1"):
        stream.recover((SequencedRecord(2, 1, (), b""),), 1)
    with pytest.raises(ValueError, match="tail of 1"):
        stream.recover((SequencedRecord(1, 1, (), b""), SequencedRecord(1, 1, (), b"")), 1)
