"""Appends: A1, A2 and A7."""

from __future__ import annotations

import pytest

from ...s2 import Record, protobuf
from .. import Basin, Stream, clause, refused
from ..stream import ack_of, append_of
from .objects import MANY

MIB = 1 << 20


@clause("A1", "is appended atomically: consecutive seq_nums, all or nothing")
async def test_batches_stay_whole(stream: Stream) -> None:
    """Batches that are appended at the same time are not interleaved, and each is appended once."""
    sent = [tuple(f"{batch}.{number}" for number in range(3)) for batch in range(24)]
    acks = [ack_of(answer) for answer in await stream.append_together(*(append_of(*bodies) for bodies in sent))]
    found = await stream.records(seq_num=0)
    for bodies, ack in zip(sent, acks, strict=True):
        mine = found[ack.start.seq_num : ack.end.seq_num]
        assert [record.body.decode() for record in mine] == list(bodies)
    assert len(found) == 3 * len(sent)


@clause("A1", "all or nothing")
async def test_a_batch_is_appended_once(stream: Stream) -> None:
    """After many appends the stream holds as many records as were appended."""
    for number in range(MANY):
        await stream.appended(f"{number}")
    assert [record.body.decode() for record in await stream.records(seq_num=0)] == [str(n) for n in range(MANY)]


@clause("A1", "An empty batch is refused with 422.", "negative")
async def test_an_empty_batch(stream: Stream) -> None:
    """An append of no records."""
    refused(await stream.append(), 422, "invalid")
    assert (await stream.tail()).seq_num == 0


@clause("A1", "A batch of 1 to 1000 records", "boundary")
async def test_a_thousand_records(stream: Stream) -> None:
    """1000 records are a batch; 1001 are refused, and none of them is applied."""
    refused(await stream.append(*["x"] * 1001), 422, "invalid")
    assert (await stream.tail()).seq_num == 0
    ack = await stream.appended(*["x"] * 1000)
    assert (ack.start.seq_num, ack.end.seq_num) == (0, 1000)


@clause("A1", "The metered size of a record is 8 + 2·len(headers) + Σ(len(name)+len(value)) + len(body).", "boundary")
@pytest.mark.parametrize("headers", [(), ((b"name", b"value"), (b"n", b""))], ids=["bare", "headed"])
async def test_one_mebibyte(stream: Stream, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    """A batch of 1 MiB metered is appended; one byte more is refused, and nothing of it is applied."""
    small = Record(b"x" * 100, headers)
    overhead = 8 + 2 * len(headers) + sum(len(name) + len(value) for name, value in headers)
    room = MIB - 2 * overhead - 100
    refused(await stream.append(small, Record(b"y" * (room + 1), headers)), 422, "invalid")
    assert (await stream.tail()).seq_num == 0
    ack = await stream.appended(small, Record(b"y" * room, headers))
    assert ack.end.seq_num == 2


@clause("A2", "end.seq_num − start.seq_num == len(batch), tail ≥ end")
async def test_the_ack(stream: Stream) -> None:
    """The positions of many acks fit their batches, and each other."""
    end = 0
    for number in range(MANY):
        size = 1 + number % 3
        ack = await stream.appended(*["x"] * size)
        assert ack.start.seq_num == end, "nobody else appends here"
        end = ack.start.seq_num + size
        assert ack.end.seq_num == end
        assert ack.tail.seq_num >= end
        assert ack.start.timestamp <= ack.end.timestamp <= ack.tail.timestamp
    first, last = (await stream.records(seq_num=end - 2))[-2:]
    assert (await stream.tail()).seq_num == end == last.seq_num + 1 == first.seq_num + 2


@clause("A2", "Success returns {start, end, tail} positions", "boundary")
async def test_the_timestamps_of_an_ack(stream: Stream) -> None:
    """An ack has the timestamps of the first and the last record of its batch."""
    ack = await stream.appended(Record(b"a", (), 1000), Record(b"b", (), 2000), Record(b"c", (), 3000))
    assert (ack.start.timestamp, ack.end.timestamp) == (1000, 3000)
    ack = await stream.appended(Record(b"d", (), 4000))
    assert (ack.start.timestamp, ack.end.timestamp) == (4000, 4000)


@clause("A7", "Conditions come before the checks of the records themselves")
async def test_conditions_come_first(basin: Basin) -> None:
    """A record without the timestamp that the stream requires is 412 where a condition fails, and else 422."""
    stream = await basin.created(timestamping={"mode": "client-require"})
    for conditions in ({"match_seq_num": 7}, {"fencing_token": "other"}):
        assert (await stream.append("x", **conditions)).status == 412
    refused(await stream.append("x", match_seq_num=0, fencing_token=""), 422, "invalid")
    refused(await stream.append("x"), 422, "invalid")
    assert (await stream.tail()).seq_num == 0


@clause("A7", "A fencing_token over 36 bytes is 400 bad_json in JSON", "boundary")
async def test_a_long_token_in_json(stream: Stream) -> None:
    """36 bytes are a token (here a wrong one), 37 are none; letters of two bytes count twice."""
    for token in ("t" * 36, "é" * 18):
        assert (await stream.append("x", fencing_token=token)).status == 412
    for token in ("t" * 37, "é" * 18 + "t"):
        refused(await stream.append("x", fencing_token=token), 400, "bad_json")
    assert (await stream.tail()).seq_num == 0


@clause("A7", "422 in protobuf", "boundary")
async def test_a_long_token_in_protobuf(stream: Stream) -> None:
    """A token of 37 bytes is refused in protobuf too."""
    body = protobuf.encode_append(append_of("x", fencing_token="t" * 36))
    assert (await stream.post(body, "application/protobuf")).status == 412
    body = protobuf.encode_append(append_of("x", fencing_token="t" * 37))
    refused(await stream.post(body, "application/protobuf"), 422, "invalid")
    ack_of(await stream.append("x", match_seq_num=0))
