"""Server-sent events: the same however the bytes are cut and the lines end; one exception, whatever the bytes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost.harness.s2 import Batch, Position, SequencedRecord
from fencepost.harness.s2 import events as events_module
from fencepost.harness.s2.errors import Malformed
from fencepost.harness.s2.events import (
    BatchEvent,
    Done,
    Event,
    EventDecoder,
    EventId,
    Failure,
    Ping,
    encode_event,
)
from fencepost.harness.s2.json_codec import Format

from . import drawn

IDS = st.builds(EventId, drawn.u64, drawn.u64, drawn.u64)
LINES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=20)
EVENTS = st.one_of(
    st.builds(BatchEvent, drawn.batches(drawn.text_sequenced), IDS),
    st.builds(Ping, drawn.u64, st.none() | drawn.positions),
    st.builds(Failure, LINES),
)


def decoded(chunks: list[bytes], form: Format = Format.BASE64) -> list[Event]:
    decoder = EventDecoder(form)
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    decoder.close()
    return events


@settings(max_examples=100, deadline=None)
@given(
    st.data(),
    st.lists(EVENTS, max_size=4),
    st.sampled_from(Format),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.booleans(),
)
def test_the_events_come_back_however_the_bytes_are_cut(
    data: st.DataObject, events: list[Event], form: Format, ending: bytes, mark: bool
) -> None:
    whole = b"".join(encode_event(event, form) for event in [*events, Done()]).replace(b"\n", ending)
    chunks = data.draw(drawn.cut((b"\xef\xbb\xbf" if mark else b"") + whole))
    assert decoded(chunks, form) == [*events, Done()]


def test_the_bytes_are_those_of_the_description() -> None:
    batch = Batch((SequencedRecord(3, 9, (), b"x"),))
    assert encode_event(BatchEvent(batch, EventId(3, 1, 9)), Format.RAW) == (
        b'event: batch\nid: 3,1,9\ndata: {"records":[{"seq_num":3,"timestamp":9,"body":"x"}]}\n\n'
    )
    assert encode_event(Ping(9), Format.RAW) == b'event: ping\ndata: {"timestamp":9}\n\n'
    assert encode_event(Failure("a\nb"), Format.RAW) == b"event: error\ndata: a\ndata: b\n\n"
    assert encode_event(Done(), Format.RAW) == b"data: [DONE]\n\n"


def test_comments_and_strange_events_and_fields_are_skipped() -> None:
    text = b': hello\nretry: 5\n\nevent: new\ndata: {}\n\ndata\n\nevent:ping\ndata:{"timestamp":1,"x":2}\nfoo\n\n'
    assert decoded([text]) == [Ping(1)]
    text = b'event: ping\ndata: {"timestamp":1,\ndata: "tail":{"seq_num":4,"timestamp":1}}\n\n'
    assert decoded([text]) == [Ping(1, Position(4, 1))]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"event: ping\ndata: {}\n\n", "timestamp"),
        (b'event: ping\ndata: {"timestamp":-1}\n\n', "timestamp"),
        (b"event: ping\ndata: " + b"[" * 100_000 + b"\n\n", "malformed"),
        (b'event: batch\ndata: {"records":[]}\n\n', "last-event-id"),
        (b'event: batch\nid: 1,2\ndata: {"records":[]}\n\n', "last-event-id"),
        (b'event: batch\nid: 1,2,18446744073709551616\ndata: {"records":[]}\n\n', "last-event-id"),
        (b"event: batch\nid: 1,2,3\ndata: {}\n\n", "records"),
        (b"event: error\ndata: \xff\n\n", "UTF-8"),
        (b"event: \xff\n\n", "UTF-8"),
        (b"data: [DONE]\n\ndata: [DONE]\n\n", "follows"),
        (b"data: [DONE]\n", "within an event"),
        (b"da", "within an event"),
        (b"\xef\xbb", "within an event"),
    ],
)
def test_a_malformed_event_is_refused_with_what_is_wrong(data: bytes, words: str) -> None:
    with pytest.raises(Malformed, match=words) as caught:
        decoded([data])
    assert caught.value.code == "bad_frame"


@pytest.mark.parametrize("line", [b"data: x\n", b"data: x", b": x\n"], ids=["lines", "one line", "comments"])
def test_an_event_without_end_is_refused_before_it_fills_the_memory(
    line: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "MAX_EVENT_BYTES", 1 << 16)
    block = line * 1000
    fed = 0

    def feed() -> None:
        nonlocal fed
        decoder = EventDecoder()
        while fed < 1 << 17:
            assert not list(decoder.feed(block))
            fed += len(block)

    with pytest.raises(Malformed, match="more than"):
        feed()
    assert fed <= 1 << 16


@settings(max_examples=100, deadline=None)
@given(st.data(), st.lists(EVENTS, min_size=1, max_size=3), st.sampled_from(Format))
def test_damage_is_bad_frame_or_other_events_and_the_same_for_every_cut(
    data: st.DataObject, events: list[Event], form: Format
) -> None:
    whole = data.draw(drawn.damaged(b"".join(encode_event(event, form) for event in [*events, Done()])))
    found = _survived([whole], form)
    assert found[1] in ("", "bad_frame")
    assert _survived(data.draw(drawn.cut(whole)), form) == found


def _survived(chunks: list[bytes], form: Format) -> tuple[list[Event], str]:
    decoder = EventDecoder(form)
    events: list[Event] = []
    try:
        for chunk in chunks:
            events.extend(decoder.feed(chunk))
        decoder.close()
    except Malformed as error:
        return events, error.code
    return events, ""
