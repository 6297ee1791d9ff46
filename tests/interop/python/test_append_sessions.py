"""Append sessions, producers and batching."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from clients import batch, fresh, refused
from s2_sdk import (
    S2,
    AppendInput,
    BasinConfig,
    Batching,
    CommandRecord,
    FencingTokenMismatchError,
    Record,
    S2Basin,
    S2ClientError,
    S2ServerError,
    S2Stream,
    SeqNum,
    SeqNumMismatchError,
    StreamConfig,
    append_inputs,
    append_record_batches,
)


async def bodies(stream: S2Stream) -> list[bytes]:
    return [one.body for one in (await stream.read(start=SeqNum(0))).records]


async def test_batches_are_acknowledged_in_their_order(stream: S2Stream) -> None:
    async with stream.append_session() as session:
        tickets = [await session.submit(batch(b"%d" % n, b"%d'" % n)) for n in range(100)]
        acks = [await ticket for ticket in tickets]
    assert [(ack.start.seq_num, ack.end.seq_num) for ack in acks] == [(2 * n, 2 * n + 2) for n in range(100)]
    assert (await stream.check_tail()) == acks[-1].tail
    assert (await bodies(stream))[:4] == [b"0", b"0'", b"1", b"1'"]


async def test_one_batch_after_the_other(stream: S2Stream) -> None:
    async with stream.append_session() as session:
        for number in range(5):
            ack = await (await session.submit(batch(b"x", match_seq_num=number)))
            assert ack.start.seq_num == number


async def test_pipelined_conditions(stream: S2Stream) -> None:
    async with stream.append_session() as session:
        await session.submit(AppendInput([CommandRecord.fence("mine")], match_seq_num=0))
        tickets = [
            await session.submit(batch(b"x", match_seq_num=number, fencing_token="mine")) for number in range(1, 20)
        ]
        assert (await tickets[-1]).end.seq_num == 20


async def test_back_pressure_does_not_stop_a_session(stream: S2Stream) -> None:
    async with stream.append_session(max_unacked_bytes=1 << 20, max_unacked_batches=2) as session:
        tickets = [await session.submit(batch(b"x" * (512 << 10))) for _ in range(12)]
        assert [(await ticket).start.seq_num for ticket in tickets] == list(range(12))


async def test_closing_waits_for_what_was_submitted(stream: S2Stream) -> None:
    session = stream.append_session()
    tickets = [await session.submit(batch(b"x")) for _ in range(20)]
    await session.close()
    assert (await tickets[-1]).end.seq_num == 20
    with pytest.raises(S2ClientError):
        await session.submit(batch(b"late"))


async def test_the_first_failure_ends_the_session(stream: S2Stream) -> None:
    with pytest.raises(SeqNumMismatchError):  # noqa: PT012 - leaving it raises too
        async with stream.append_session() as session:
            good = await session.submit(batch(b"good", match_seq_num=0))
            bad = await session.submit(batch(b"bad", match_seq_num=7))
            later = [await session.submit(batch(b"later")) for _ in range(5)]
            assert (await good).end.seq_num == 1
            with pytest.raises(SeqNumMismatchError) as caught:
                await bad
            assert caught.value.expected_seq_num == 1
            for ticket in later:
                with pytest.raises(SeqNumMismatchError):
                    await ticket
    assert await bodies(stream) == [b"good"]


async def test_a_wrong_token_ends_the_session(stream: S2Stream) -> None:
    with pytest.raises(FencingTokenMismatchError) as caught:  # noqa: PT012
        async with stream.append_session() as session:
            await session.submit(AppendInput([CommandRecord.fence("mine")]))
            await (await session.submit(batch(b"x", fencing_token="theirs")))
    assert (caught.value.status_code, caught.value.expected_fencing_token) == (412, "mine")
    assert (await stream.check_tail()).seq_num == 1


async def test_a_malformed_batch_ends_the_session(stream: S2Stream) -> None:
    with refused(422, "invalid"):
        async with stream.append_session() as session:
            await (await session.submit(AppendInput([Record(b"", [(b"", b"unknown")])])))
    assert (await stream.check_tail()).seq_num == 0


async def test_no_session_on_a_missing_stream(basin: S2Basin) -> None:
    with refused(404, "stream_not_found"):
        async with basin["missing"].append_session() as session:
            await (await session.submit(batch(b"x")))


async def test_a_session_may_make_its_stream(s2: S2) -> None:
    name = fresh("basin")
    await s2.create_basin(name, config=BasinConfig(create_stream_on_append=True))
    stream = s2[name]["made"]
    async with stream.append_session(stream_config=StreamConfig(retention_policy=600)) as session:
        assert (await (await session.submit(batch(b"x")))).end.seq_num == 1
    assert (await s2[name].get_stream_config("made")).retention_policy == 600


async def test_a_writer_that_was_fenced_out_is_stopped_in_its_session(stream: S2Stream) -> None:
    """The stale writer is pipelining when its successor takes over. None of what it sends afterwards lands."""
    await stream.append(AppendInput([CommandRecord.fence("first")]))
    landed = []
    with pytest.raises(FencingTokenMismatchError) as caught:  # noqa: PT012
        async with stream.append_session() as stale:
            for number in range(10):
                landed.append(await (await stale.submit(batch(b"stale %d" % number, fencing_token="first"))))
            await stream.append(AppendInput([CommandRecord.fence("second")], fencing_token="first"))
            for number in range(10, 20):
                await (await stale.submit(batch(b"stale %d" % number, fencing_token="first")))
    assert caught.value.expected_fencing_token == "second"
    await stream.append(batch(b"successor", fencing_token="second"))
    assert (await bodies(stream))[-3:] == [b"stale 9", b"second", b"successor"]
    assert len(landed) == 10


async def test_a_race_of_sessions_for_one_seq_num_has_one_winner(stream: S2Stream) -> None:
    async def race(name: bytes) -> bytes | None:
        try:
            async with stream.append_session() as session:
                await (await session.submit(batch(name, match_seq_num=0)))
        except SeqNumMismatchError:
            return None
        return name

    won = [name for name in await asyncio.gather(*[race(b"%d" % n) for n in range(8)]) if name is not None]
    assert await bodies(stream) == won
    assert len(won) == 1


async def test_a_producer_acknowledges_each_record(stream: S2Stream) -> None:
    async with stream.producer(batching=Batching(linger=timedelta(milliseconds=1))) as producer:
        tickets = [await producer.submit(Record(b"%d" % number)) for number in range(500)]
        acks = [await ticket for ticket in tickets]
    assert [ack.seq_num for ack in acks] == list(range(500))
    assert await bodies(stream) == [b"%d" % number for number in range(500)]


async def test_closing_a_producer_delivers_all_of_one_batch(stream: S2Stream) -> None:
    producer = stream.producer(batching=Batching(linger=timedelta(seconds=60)))
    tickets = [await producer.submit(Record(b"x")) for _ in range(10)]
    await producer.close()
    acks = [await ticket for ticket in tickets]
    assert [ack.seq_num for ack in acks] == list(range(10))
    assert {(ack.batch.start.seq_num, ack.batch.end.seq_num) for ack in acks} == {(0, 10)}


async def test_closing_a_producer_delivers_all_of_several_batches(stream: S2Stream) -> None:
    producer = stream.producer(batching=Batching(max_records=3, linger=timedelta(0)))
    tickets = [await producer.submit(Record(b"x")) for _ in range(10)]
    await producer.close()
    acks = [await ticket for ticket in tickets]
    assert [ack.seq_num for ack in acks] == list(range(10))
    assert sorted({ack.batch.start.seq_num for ack in acks}) == [0, 3, 6, 9]


async def test_flushing_a_producer_submits_what_it_has(stream: S2Stream) -> None:
    async with stream.producer(batching=Batching(linger=timedelta(seconds=60))) as producer:
        tickets = [await producer.submit(Record(b"x")) for _ in range(3)]
        await producer.flush()
        assert [(await ticket).seq_num for ticket in tickets] == [0, 1, 2]
        assert (await stream.check_tail()).seq_num == 3


async def test_a_producer_with_conditions(stream: S2Stream) -> None:
    await stream.append(AppendInput([CommandRecord.fence("mine")]))
    batching = Batching(max_records=2, linger=timedelta(0))
    async with stream.producer(fencing_token="mine", match_seq_num=1, batching=batching) as producer:
        tickets = [await producer.submit(Record(b"x")) for _ in range(8)]
        assert [(await ticket).seq_num for ticket in tickets] == list(range(1, 9))


async def test_a_producer_is_refused_as_a_whole(stream: S2Stream) -> None:
    with pytest.raises(SeqNumMismatchError):
        async with stream.producer(match_seq_num=5) as producer:
            await (await producer.submit(Record(b"x")))
    assert (await stream.check_tail()).seq_num == 0


async def test_no_producer_on_a_missing_stream(basin: S2Basin) -> None:
    with pytest.raises(S2ServerError) as caught:
        async with basin["missing"].producer() as producer:
            await (await producer.submit(Record(b"x")))
    assert (caught.value.status_code, caught.value.code) == (404, "stream_not_found")


async def every(*bodies: bytes) -> AsyncIterator[Record]:
    for body in bodies:
        yield Record(body)


async def test_records_batched_by_count_and_conditions_go_through_a_session(stream: S2Stream) -> None:
    many = [b"%d" % number for number in range(25)]
    async with stream.append_session() as session:
        tickets = [
            await session.submit(one)
            async for one in append_inputs(every(*many), match_seq_num=0, batching=Batching(max_records=10))
        ]
        assert [(await ticket).end.seq_num for ticket in tickets] == [10, 20, 25]
    assert await bodies(stream) == many


async def test_records_batched_by_size(stream: S2Stream) -> None:
    batching = Batching(max_bytes=40, linger=timedelta(0))
    async for one in append_record_batches(every(*[b"12345678"] * 5), batching=batching):
        await stream.append(AppendInput(one))
    assert [one.seq_num for one in (await stream.read(start=SeqNum(0))).records] == list(range(5))
