"""What answers of reads hold and prove: R5 to R7 and R9."""

from __future__ import annotations

from ...s2 import Record, protobuf
from .. import Stream, clause
from ..stream import beyond
from .reads import filled

METERED = 9
"""The metered size of the records of :func:`~.reads.filled`."""


@clause("R5", "it holds at most count records and at most bytes metered bytes (of all its parts together)", "boundary")
async def test_an_answer_keeps_its_bounds(stream: Stream) -> None:
    """Around each bound: one less, exactly, one more."""
    await filled(stream)
    for count in range(7):
        assert len(await stream.records(seq_num=0, count=count)) == min(count, 5)
    for size in (0, METERED - 1, METERED, 2 * METERED - 1, 2 * METERED, 2 * METERED + 1, 100):
        assert len(await stream.records(seq_num=0, bytes=size)) == min(size // METERED, 5)


@clause("R5", "none at or after until", "boundary")
async def test_an_answer_ends_before_its_end(stream: Stream) -> None:
    """Around the timestamp of a record."""
    await filled(stream)
    for until, count in ((1001, 1), (2999, 2), (3000, 2), (3001, 3), (9999, 5)):
        assert len(await stream.records(seq_num=0, until=until)) == count


@clause("R5", "it begins where the read was to start, and is a 416 where nothing is to be read")
async def test_an_answer_begins_at_its_start(stream: Stream) -> None:
    """From every seq_num, the first record is that one; at the tail there is nothing."""
    await filled(stream)
    for start in range(5):
        assert (await stream.records(seq_num=start))[0].seq_num == start
        assert (await stream.records(tail_offset=start + 1))[0].seq_num == 4 - start
    beyond(await stream.read(seq_num=5))


@clause(
    "R6", "The tail is exactly last + 1 only if the read had no wait and the next record of the stream would have fit"
)
async def test_an_answer_goes_on_to_the_tail(stream: Stream) -> None:
    """A read right after an ack, without bounds, returns everything up to the tail, every time."""
    for number in range(1, 9):
        ack = await stream.appended("x")
        found = await stream.records(seq_num=0)
        assert found[-1].seq_num + 1 == ack.end.seq_num == number
        assert len(found) == number


@clause("R6", "count and bytes (the implicit ones too) were not reached, and its timestamp is below until", "boundary")
async def test_an_answer_is_as_long_as_it_may_be(stream: Stream) -> None:
    """A read goes on until its next record would not fit."""
    await filled(stream)
    last = (await stream.records(seq_num=0, count=4, bytes=3 * METERED + 1, until=5000))[-1]
    assert last.seq_num == 2
    last = (await stream.records(seq_num=0, count=4, bytes=4 * METERED, until=5000))[-1]
    assert last.seq_num == 3


@clause("R7", "An empty 200 proves at most tail > start (everything was trimmed, count=0, an unresolved timestamp)")
async def test_an_empty_answer(stream: Stream) -> None:
    """A read below the tail that is to return nothing is an empty 200; at the tail it is a 416."""
    await filled(stream)
    for query in ({"count": 0}, {"bytes": 0}, {"until": 0}):
        assert (await stream.batch(seq_num=0, **query)).records == ()
        beyond(await stream.read(seq_num=5, **query))


@clause("R7", "Answers to a tail_offset read also tie the first seq_num to the tail of their moment.", "boundary")
async def test_a_start_by_tail_offset(stream: Stream) -> None:
    """The first record is as far from the tail as was asked, or the very first."""
    for number in range(1, 6):
        await stream.appended("x")
        for offset in (1, 2, 5, 1000):
            assert (await stream.records(tail_offset=offset))[0].seq_num == max(0, number - offset)


@clause("R9", "Reads in raw format are lossy for bytes that are not UTF-8 (trim bodies are such).")
async def test_raw_text(stream: Stream) -> None:
    """Text is read as it is in raw format; other bytes may be lost, but the answer is JSON all the same."""
    await stream.appended(Record("zwölf".encode(), (("für".encode(), b"v"),)), b"\xff\xfe", Record.trim(0))
    answer = await stream.read({"s2-format": "raw"}, seq_num=0)
    assert answer.status == 200
    first, *others = answer.json["records"]
    assert first["body"] == "zwölf"
    assert [list(pair) for pair in first["headers"]] == [["für", "v"]]
    assert len(others) == 2


@clause("R9", "A recorder reads in base64 or protobuf.", "boundary")
async def test_bytes_survive(stream: Stream) -> None:
    """In base64 and protobuf no byte is lost."""
    body = bytes(range(256))
    await stream.appended(Record(body, ((b"\xff", b"\xfe"),)), Record.trim(0))
    found = await stream.records(seq_num=0)
    assert [record.body for record in found] == [body, bytes(8)]
    answer = await stream.read({"accept": "application/protobuf"}, seq_num=0)
    assert answer.status == 200
    assert protobuf.decode_batch(answer.body).records == found
