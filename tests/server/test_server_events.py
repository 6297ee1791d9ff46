"""Reads of the server as server-sent events, over HTTP/1.1 and HTTP/2."""

from __future__ import annotations

import json

import pytest

from fencepost.harness.s2.events import BatchEvent, Done, Event, EventDecoder, Failure, Ping
from fencepost.harness.s2.json_codec import Format

from .http2 import Http2
from .processes import Connection, ServerProcess, records_of, wait_until
from .reading import EVENTS, Reading


def bodies(events: list[Event]) -> list[bytes]:
    return [record.body for event in events if isinstance(event, BatchEvent) for record in event.batch.records]


def test_a_bounded_read_has_batches_with_ids_and_is_done(server: ServerProcess, http: Connection, stream: str) -> None:
    http.append(stream, "a", "bb")
    reading = Reading(server.port, stream, "seq_num=0&count=5")
    batch, done = reading.until_done()
    assert b"\r\ncontent-type: text/event-stream" in reading.head.lower()
    assert isinstance(batch, BatchEvent)
    assert bodies([batch]) == [b"a", b"bb"]
    assert str(batch.id) == "1,2,19"
    assert batch.batch.tail is None
    assert done == Done()


def test_a_follower_gets_pings_with_the_tail(server: ServerProcess, http: Connection, stream: str) -> None:
    reading = Reading(server.port, stream)
    reading.until(lambda: len(reading.events) == 1)
    (ping,) = reading.events
    assert isinstance(ping, Ping)
    assert ping.tail is not None
    assert (ping.tail.seq_num, ping.timestamp > 1_600_000_000_000) == (0, True)
    http.append(stream, "a")
    reading.until(lambda: len(reading.events) == 2)
    batch = reading.events[1]
    assert isinstance(batch, BatchEvent)
    assert batch.batch.tail is not None
    assert batch.batch.tail.seq_num == 1
    reading.connection.close()


@pytest.mark.parametrize("bound", ["count=10", "bytes=90", "count=10&bytes=10000"])
def test_a_read_resumes_after_its_last_event(server: ServerProcess, http: Connection, stream: str, bound: str) -> None:
    """With the bounds of the first request, whatever start it had."""
    last, found = "", list[bytes]()
    for appended, total in ((4, 4), (3, 7), (3, 10), (0, 10), (1, 10)):
        if appended:
            http.append(stream, *["x"] * appended)
        headers = {"last-event-id": last} if last else {}
        events = Reading(server.port, stream, f"seq_num=0&{bound}", **headers).until_done()
        found += bodies(events)
        assert len(found) == total
        for event in events:
            last = str(event.id) if isinstance(event, BatchEvent) else last
        assert last == f"{total - 1},{total},{9 * total}"


def test_a_resumed_follower_goes_on(server: ServerProcess, http: Connection, stream: str) -> None:
    http.append(stream, "a", "b", "c")
    reading = Reading(server.port, stream, "tail_offset=3", last_event_id="1,7,70")
    reading.until(lambda: bool(bodies(reading.events)))
    (batch, *_) = reading.events
    assert isinstance(batch, BatchEvent)
    assert (bodies([batch]), str(batch.id)) == ([b"c"], "2,8,79")
    reading.connection.close()


def test_an_error_is_the_last_event(server: ServerProcess, http: Connection, stream: str) -> None:
    reading = Reading(server.port, stream)
    reading.until(lambda: len(reading.events) == 1)
    assert http.request("DELETE", f"/v1/streams/{stream}").status == 202
    reading.until(lambda: reading.over)
    reading.connection.close()
    _, trim, error = reading.events
    assert isinstance(trim, BatchEvent)
    assert isinstance(error, Failure)
    assert json.loads(error.data)["code"] in ("stream_deletion_pending", "stream_not_found")


def test_a_read_that_cannot_start_is_answered_like_any_request(http: Connection, stream: str) -> None:
    for query, headers, status in (
        ("seq_num=1", {}, 416),
        ("seq_num=0&tail_offset=0", {}, 422),
        ("seq_num=0&tail_offset=0", {"last-event-id": "1,2,3"}, 422),
        ("seq_num=0", {"last-event-id": "1,2"}, 400),
        ("seq_num=0", {"last-event-id": "1,2,18446744073709551616"}, 400),
        ("seq_num=0", {"last-event-id": "18446744073709551615,1,1"}, 416),
    ):
        answer = http.request("GET", f"{records_of(stream)}?{query}", headers=EVENTS | headers)
        assert answer.status == status, (query, headers, answer)
    assert http.request("GET", f"{records_of('absent')}", headers=EVENTS).code == "stream_not_found"


def test_events_over_http_2(server: ServerProcess, http: Connection, stream: str) -> None:
    http.append(stream, "a")
    with Http2(server.port) as client:
        reading = client.read_session(stream, "seq_num=0&count=1", {"accept": "text/event-stream"})
        client.until_end(reading)
        batch, done = EventDecoder(Format.RAW).feed(reading.content)
        assert (bodies([batch]), done) == ([b"a"], Done())
        assert (reading.status, reading.headers["content-type"]) == (200, "text/event-stream")


def test_a_reader_that_hangs_up_is_forgotten(server: ServerProcess, http: Connection, stream: str) -> None:
    readings = [Reading(server.port, stream) for _ in range(10)]
    for reading in readings:
        reading.until(lambda reading=reading: len(reading.events) == 1)  # type: ignore[misc]
        reading.connection.close()
    count_of = 'fencepost_requests_total{operation="read_events",status="499"}'
    wait_until(lambda: f"{count_of} " in http.request("GET", "/metrics").body.decode(), "they are counted")
