"""Unary appends and the tail: what they answer, their conditions, timestamps and command records."""

from __future__ import annotations

import time

import pytest
from clients import batch, filled, records, refused
from s2_sdk import (
    AppendInput,
    CommandRecord,
    FencingTokenMismatchError,
    Record,
    S2Basin,
    S2ClientError,
    S2ServerError,
    S2Stream,
    SeqNum,
    SeqNumMismatchError,
    Timestamping,
    TimestampingMode,
)

from conftest import MakeStream

HOUR_MS = 3_600_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def only_record(stream: S2Stream) -> Record:
    [record] = (await stream.read(start=SeqNum(0))).records
    return Record(record.body, record.headers, record.timestamp)


async def test_the_tail_of_an_empty_stream(stream: S2Stream) -> None:
    tail = await stream.check_tail()
    assert (tail.seq_num, tail.timestamp) == (0, 0)


async def test_the_tail_after_several_appends(stream: S2Stream) -> None:
    acks = [await stream.append(batch(*[b"x"] * count)) for count in (1, 2, 3)]
    assert [(ack.start.seq_num, ack.end.seq_num) for ack in acks] == [(0, 1), (1, 3), (3, 6)]
    assert await stream.check_tail() == acks[-1].tail == acks[-1].end


async def test_one_record(stream: S2Stream) -> None:
    before = now_ms()
    ack = await stream.append(batch(b"one"))
    assert (ack.start.seq_num, ack.end.seq_num, ack.tail.seq_num) == (0, 1, 1)
    assert before <= ack.start.timestamp == ack.end.timestamp <= now_ms()
    assert (await only_record(stream)).body == b"one"


async def test_several_records_keep_their_order(stream: S2Stream) -> None:
    bodies = [b"a", b"bb", b"ccc"]
    await stream.append(batch(*bodies))
    read = (await stream.read(start=SeqNum(0))).records
    assert [(one.seq_num, one.body) for one in read] == list(enumerate(bodies))


@pytest.mark.parametrize("body", [b"", bytes(range(256)), "né".encode()], ids=["empty", "binary", "text"])
async def test_any_bytes_are_a_body(stream: S2Stream, body: bytes) -> None:
    await stream.append(batch(body))
    assert (await only_record(stream)).body == body


@pytest.mark.parametrize(
    "headers",
    [[(b"name", b"value")], [(b"name", b"")], [(b"k", b"1"), (b"k", b"2")], [(b"\xff\x00", b"\x80"), (b"b", b"")]],
    ids=["one", "empty value", "repeated", "binary"],
)
async def test_headers(stream: S2Stream, headers: list[tuple[bytes, bytes]]) -> None:
    await stream.append(AppendInput([Record(b"body", headers)]))
    assert (await only_record(stream)).headers == headers


async def test_records_with_and_without_headers_in_one_batch(stream: S2Stream) -> None:
    mixed = [Record(b"a", [(b"h", b"1")]), Record(b"b"), Record(b"c", [(b"h", b"3")])]
    await stream.append(AppendInput(mixed))
    read = (await stream.read(start=SeqNum(0))).records
    assert [(one.body, one.headers) for one in read] == [(one.body, one.headers) for one in mixed]


async def test_match_seq_num(stream: S2Stream) -> None:
    await stream.append(batch(b"a", match_seq_num=0))
    await stream.append(batch(b"b", b"c", match_seq_num=1))
    with pytest.raises(SeqNumMismatchError) as caught:
        await stream.append(batch(b"d", match_seq_num=1))
    assert (caught.value.status_code, caught.value.expected_seq_num) == (412, 3)
    assert (await stream.check_tail()).seq_num == 3


async def test_fencing_token(stream: S2Stream) -> None:
    await stream.append(AppendInput([CommandRecord.fence("mine")]))
    assert (await stream.append(batch(b"a", fencing_token="mine"))).start.seq_num == 1
    with pytest.raises(FencingTokenMismatchError) as caught:
        await stream.append(batch(b"b", fencing_token="theirs"))
    assert (caught.value.status_code, caught.value.expected_fencing_token) == (412, "mine")
    assert (await stream.append(batch(b"c"))).start.seq_num == 2, "an append without a token is not fenced"


async def test_the_token_is_looked_at_first(stream: S2Stream) -> None:
    with pytest.raises(FencingTokenMismatchError):
        await stream.append(batch(b"a", fencing_token="theirs", match_seq_num=7))
    with pytest.raises(SeqNumMismatchError):
        await stream.append(batch(b"a", fencing_token="", match_seq_num=7))


async def test_a_fence_is_set_and_cleared(stream: S2Stream) -> None:
    await stream.append(AppendInput([CommandRecord.fence("t")], fencing_token=""))
    await stream.append(AppendInput([CommandRecord.fence("")], fencing_token="t"))
    await stream.append(batch(b"x", fencing_token=""))
    with pytest.raises(FencingTokenMismatchError) as caught:
        await stream.append(batch(b"y", fencing_token="t"))
    assert caught.value.expected_fencing_token == ""


async def test_of_several_fences_in_a_batch_the_last_one_holds(stream: S2Stream) -> None:
    await stream.append(AppendInput([CommandRecord.fence("a"), Record(b"x"), CommandRecord.fence("b")]))
    await stream.append(batch(b"y", fencing_token="b"))
    with refused(412):
        await stream.append(batch(b"z", fencing_token="a"))


async def test_trim(stream: S2Stream) -> None:
    await filled(stream, 5)
    ack = await stream.append(AppendInput([CommandRecord.trim(3)]))
    assert (ack.start.seq_num, ack.tail.seq_num) == (5, 6)
    read = (await stream.read(start=SeqNum(0))).records
    assert [one.seq_num for one in read] in ([3, 4, 5], [0, 1, 2, 3, 4, 5]), "records below it may go"
    assert (read[-1].is_command_record(), read[-1].body) == (True, (3).to_bytes(8, "big"))


async def test_a_trim_beyond_the_tail_removes_nothing_that_comes_later(stream: S2Stream) -> None:
    await filled(stream, 2)
    await stream.append(AppendInput([CommandRecord.trim(1_000_000)]))
    await stream.append(batch(b"later"))
    assert (await stream.read(start=SeqNum(3))).records[0].body == b"later"
    assert (await stream.check_tail()).seq_num == 4


@pytest.mark.parametrize(
    "record",
    [
        Record(b"x", [(b"", b"unknown")]),
        Record(b"x", [(b"", b"fence"), (b"more", b"")]),
        Record(b"x", [(b"more", b""), (b"", b"fence")]),
        Record(b"\x00\x01", [(b"", b"trim")]),
        Record(b"\xff\xfe", [(b"", b"fence")]),
        Record(b"t" * 37, [(b"", b"fence")]),
    ],
    ids=["unknown", "header after it", "header before it", "short trim", "token not UTF-8", "long token"],
)
async def test_malformed_commands_are_refused_with_their_batch(stream: S2Stream, record: Record) -> None:
    with refused(422, "invalid"):
        await stream.append(AppendInput([Record(b"before"), record]))
    assert (await stream.check_tail()).seq_num == 0


def test_the_client_itself_refuses_a_long_fence() -> None:
    with pytest.raises(S2ClientError):
        CommandRecord.fence("t" * 37)


async def test_a_condition_with_a_long_token_is_refused(stream: S2Stream) -> None:
    with refused(422, "invalid"):
        await stream.append(batch(b"x", fencing_token="t" * 37))


async def test_the_largest_batches(stream: S2Stream) -> None:
    assert (await stream.append(batch(*[b"x"] * 1_000))).tail.seq_num == 1_000
    assert (await stream.append(batch(b"x" * ((1 << 20) - 8)))).tail.seq_num == 1_001
    [large] = (await stream.read(start=SeqNum(1_000))).records
    assert large.body == b"x" * ((1 << 20) - 8)


@pytest.mark.parametrize(
    "bodies", [[], [b"x"] * 1_001, [b"x" * ((1 << 20) - 7)]], ids=["empty", "too many records", "too large"]
)
async def test_batches_that_break_a_limit_never_leave_the_client(stream: S2Stream, bodies: list[bytes]) -> None:
    with pytest.raises(S2ClientError):
        await stream.append(batch(*bodies))


async def test_nothing_is_appended_to_a_missing_stream(basin: S2Basin) -> None:
    with refused(404, "stream_not_found"):
        await basin["missing"].append(batch(b"x"))


async def test_a_timestamp_in_the_past_is_kept(stream: S2Stream) -> None:
    past = now_ms() - HOUR_MS
    ack = await stream.append(AppendInput([Record(b"x", timestamp=past)]))
    assert ack.start.timestamp == past
    assert (await only_record(stream)).timestamp == past


async def test_timestamps_never_go_back(stream: S2Stream) -> None:
    first = now_ms() - HOUR_MS
    await stream.append(AppendInput([Record(b"x", timestamp=first)]))
    ack = await stream.append(AppendInput([Record(b"y", timestamp=first - HOUR_MS)]))
    assert ack.start.timestamp == first


async def test_a_timestamp_may_be_required(make_stream: MakeStream) -> None:
    stream = await make_stream(timestamping=Timestamping(TimestampingMode.CLIENT_REQUIRE))
    with refused(422, "invalid"):
        await stream.append(batch(b"x"))
    assert (await stream.append(AppendInput([Record(b"x", timestamp=1)]))).start.timestamp == 1


async def test_a_timestamp_may_be_ignored(make_stream: MakeStream) -> None:
    stream = await make_stream(timestamping=Timestamping(TimestampingMode.ARRIVAL))
    before = now_ms()
    ack = await stream.append(AppendInput([Record(b"x", timestamp=1)]))
    assert ack.start.timestamp >= before


@pytest.mark.parametrize("uncapped", [False, True])
async def test_a_timestamp_in_the_future(make_stream: MakeStream, uncapped: bool) -> None:
    stream = await make_stream(timestamping=Timestamping(TimestampingMode.CLIENT_PREFER, uncapped=uncapped))
    future = now_ms() + HOUR_MS
    ack = await stream.append(AppendInput([Record(b"x", timestamp=future)]))
    assert (ack.start.timestamp == future) == uncapped
    assert ack.start.timestamp <= future


async def test_unknown_refusals_have_a_code_and_a_message(stream: S2Stream) -> None:
    with pytest.raises(S2ServerError) as caught:
        await stream.append(AppendInput([Record(b"x", [(b"", b"unknown")])]))
    assert caught.value.message
    assert caught.value.code != "unknown"


async def test_concurrent_appends_share_the_stream(stream: S2Stream) -> None:
    import asyncio

    acks = await asyncio.gather(*[stream.append(AppendInput(records(b"%d" % n, b"%d" % n))) for n in range(50)])
    assert sorted(ack.start.seq_num for ack in acks) == list(range(0, 100, 2))
    read = (await stream.read(start=SeqNum(0))).records
    assert all(read[i].body == read[i + 1].body for i in range(0, 100, 2)), "no batch is torn"
