"""Reads as server-sent events: P4."""

from __future__ import annotations

from ...s2 import SequencedRecord, metered_size
from ...s2.events import BatchEvent, Done, EventId, Failure, Ping
from .. import Stream, clause
from .reads import filled


@clause("P4", "The events are batch, ping, error, and a last [DONE].")
async def test_events_of_a_bounded_read(stream: Stream) -> None:
    """A read with a bound: batches, each with its id, then [DONE] and the end."""
    await filled(stream)
    async with stream.events(seq_num=0, count=4) as events:
        assert (events.status, events.kind) == (200, "text/event-stream")
        found = [event for event in await events.rest() if not isinstance(event, Ping)]
    *batches, last = found
    assert isinstance(last, Done)
    records: list[SequencedRecord] = []
    for event in batches:
        assert isinstance(event, BatchEvent)
        records += event.batch.records
        size = sum(map(metered_size, records))
        assert event.id == EventId(records[-1].seq_num, len(records), size)
    assert [record.seq_num for record in records] == [0, 1, 2, 3]


@clause("P4", "resumable by last-event-id = seq_num,count,bytes", "boundary")
async def test_a_read_that_resumes(stream: Stream) -> None:
    """A read with the id of a batch goes on after it, and its bounds count what was read before."""
    await filled(stream)
    resumed = {"last-event-id": str(EventId(1, 2, 18))}
    async with stream.events(resumed, seq_num=0, count=4) as events:
        assert [record.seq_num for record in (await events.batch()).batch.records] == [2, 3]
        assert [event for event in await events.rest() if not isinstance(event, Ping)] == [Done()]
    async with stream.events(resumed, seq_num=0, bytes=27) as events:
        assert [record.seq_num for record in (await events.batch()).batch.records] == [2]


@clause("P4", "ping")
async def test_a_read_that_follows(stream: Stream) -> None:
    """A read without bounds follows: what is appended comes, and pings in between."""
    async with stream.events(seq_num=0) as events:
        assert events.status == 200
        for number in range(3):
            await stream.appended("x")
            assert [record.seq_num for record in (await events.batch()).batch.records] == [number]


@clause("P4", "Reads also come as server-sent events", "negative")
async def test_a_read_that_cannot_start(stream: Stream) -> None:
    """A read beyond the tail is refused with 416, by its status or in an error event."""
    await filled(stream)
    async with stream.events(seq_num=6) as events:
        if events.status == 200:
            assert isinstance(await events.next(), Failure)
        else:
            assert events.status == 416


@clause("P4", "last-event-id", "negative")
async def test_an_id_that_is_none(stream: Stream) -> None:
    """What is no id is refused with a 4xx."""
    await filled(stream)
    async with stream.events({"last-event-id": "five"}, seq_num=0) as events:
        assert 400 <= events.status < 500
