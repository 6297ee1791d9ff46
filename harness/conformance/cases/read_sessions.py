"""Reads that follow: R8, R10, and the frames of sessions, P3."""

from __future__ import annotations

import asyncio

import pytest

from ...s2 import Append, protobuf
from ...s2.compression import Compression
from ...s2.errors import recognise
from ...s2.frames import Message, Terminal, encode_message
from ...s2.json_codec import decode_error, decode_tail
from .. import Stream, clause
from ..stream import append_of
from .objects import MANY
from .reads import filled


@clause("R8", "A tail in a batch, heartbeat or ping appears only when the read follows.", "negative")
async def test_no_tail_without_following(stream: Stream) -> None:
    """A session with a bound that is reached before the tail says nothing of the tail."""
    await filled(stream)
    async with stream.read_session(seq_num=0, count=3) as session:
        while isinstance(frame := await session.frame(), Message):
            assert protobuf.decode_batch(frame.body).tail is None
        assert frame is None


@clause("R8", "It may exceed last + 1 and proves tail ≥ its value at some moment since the session opened")
async def test_a_heartbeat_names_the_tail(stream: Stream) -> None:
    """A session that reaches the tail says where it is, never more than is appended, and never goes back."""
    await filled(stream)
    async with stream.read_session(seq_num=0) as session:
        for appended in range(5, 9):
            batch = await session.batch()
            while batch.records and batch.tail is None:
                batch = await session.batch()
            assert batch.tail is not None
            assert batch.tail.seq_num == appended
            await stream.appended("x")


@clause(
    "R10", "A read session (long-lived; follows the tail) yields consecutive records: no gap, no repeat, no regress."
)
async def test_a_follower_misses_nothing(stream: Stream) -> None:
    """A session that follows while many batches are appended yields each record once, in order."""
    await filled(stream)

    async def write() -> None:
        for number in range(20):
            await stream.appended(*["x"] * (1 + number % 3))

    async with stream.read_session(seq_num=0) as session:
        await session.records(5)
        writing = asyncio.create_task(write())
        batches = await session.records(39)
        await writing
    found = [record.seq_num for batch in batches for record in batch.records]
    assert found == list(range(5, 5 + len(found)))
    assert found[-1] + 1 == (await stream.tail()).seq_num == 44


@clause("R10", "yields consecutive records")
async def test_a_follower_beside_one_writer(stream: Stream) -> None:
    """A session that follows for long gets what was appended, batch after batch."""
    async with stream.read_session(seq_num=0) as session:
        await session.batch()  # it follows
        for number in range(MANY):
            await stream.appended("x", "y")
            found = [record.seq_num for batch in await session.records(2) for record in batch.records]
            assert found == [2 * number, 2 * number + 1]


@clause("R10", "no gap, no repeat, no regress", "boundary")
async def test_a_session_in_several_parts(stream: Stream) -> None:
    """More records than fit into one frame come in several, with nothing between them."""
    for _ in range(3):
        await stream.appended(b"x" * 900_000)
    await stream.appended(*["y"] * 1000)
    async with stream.read_session(seq_num=1, count=900) as session:
        batches = await session.records(900)
        assert await session.frame() is None
    assert [record.seq_num for batch in batches for record in batch.records] == list(range(1, 901))


@clause("P3", "Sessions use content-type: s2s/proto, bidirectional over HTTP/2")
async def test_a_session_goes_both_ways(stream: Stream) -> None:
    """An ack comes while the request is still open, and after the last one the answer ends."""
    async with stream.append_session() as session:
        session.send(append_of("a"))
        assert (await session.ack()).end.seq_num == 1
        assert session.status == 200
        session.send(append_of("b", "c"))
        assert (await session.ack()).end.seq_num == 3
        session.end()
        assert await session.frame() is None


@clause("P3", "bits 6–5 compression: 0 none, 1 zstd, 2 gzip", "boundary")
@pytest.mark.parametrize("compression", list(Compression), ids=lambda each: each.name.lower())
async def test_compressed_frames(stream: Stream, compression: Compression) -> None:
    """Frames with each compression are understood."""
    body = b"compressible " * 1000
    message = Message(protobuf.encode_append(append_of(body)))
    async with stream.append_session() as session:
        session.send_bytes(encode_message(message, compression))
        assert (await session.ack()).end.seq_num == 1
    assert [record.body for record in await stream.records(seq_num=0)] == [body]


@clause("P3", "in a terminal frame, a 2-byte big-endian HTTP status and the JSON error", "negative")
@pytest.mark.parametrize(
    ("batch", "status"), [(append_of("x", match_seq_num=9), 412), (append_of(), 422)], ids=["412", "422"]
)
async def test_a_terminal_frame(stream: Stream, batch: Append, status: int) -> None:
    """A batch that is refused ends the session with the status and error of a unary append."""
    async with stream.append_session() as session:
        session.send(append_of("a"), batch)
        await session.ack()
        terminal = await session.terminal()
        assert await session.frame() is None
    assert terminal.status == status
    assert recognise(terminal.status, decode_error(terminal.body)) is not None


@clause("P3", "a 3-byte big-endian length (of flag and body, at most 2 MiB, also once decompressed)", "negative")
@pytest.mark.parametrize(
    "data", [b"\x00\x00\x00", b"\xff\xff\xff\x00", b"\x00\x00\x05\x00\xff\xff\xff\xff"], ids=["none", "huge", "junk"]
)
async def test_what_is_no_frame(stream: Stream, data: bytes) -> None:
    """Bytes that are no frame, or a frame that holds no message, end the session with a 4xx, and are not applied."""
    async with stream.append_session() as session:
        session.send_bytes(data)
        session.end()
        assert 400 <= (await session.terminal()).status < 500
    assert (await stream.tail()).seq_num == 0


@clause("P3", "An empty ReadBatch (with tail) is a heartbeat, sent on switching to following")
async def test_the_first_heartbeat(stream: Stream) -> None:
    """A session on an empty stream, and one that has read everything, gets a heartbeat at once."""
    async with stream.read_session(seq_num=0) as session:
        batch = await session.batch()
        assert (batch.records, batch.tail and batch.tail.seq_num) == ((), 0)
    await filled(stream)
    async with stream.read_session(seq_num=0) as session:
        await session.records(5)
        batch = await session.batch()
        assert (batch.records, batch.tail and batch.tail.seq_num) == ((), 5)


@clause("P3", "The body is a protobuf message or, in a terminal frame", "boundary")
async def test_a_session_that_cannot_start(stream: Stream) -> None:
    """A read beyond the tail is answered with 416 and the tail, in one form or the other."""
    await filled(stream)
    async with stream.read_session(seq_num=6) as session:
        frame = await session.frame()
        assert isinstance(frame, Terminal)
        assert frame.status == 416
        assert decode_tail(frame.body).tail.seq_num == 5
