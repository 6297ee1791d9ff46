"""JSON says what was meant, in both formats, and refuses everything else with one exception."""

from __future__ import annotations

import base64
import json
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost.harness.s2 import Ack, Append, Batch, Position, Record, SequencedRecord, Tail, json_codec
from fencepost.harness.s2.errors import Malformed
from fencepost.harness.s2.json_codec import Format

from . import drawn

BOTH = st.sampled_from(Format)


@settings(max_examples=100, deadline=None)
@given(st.data(), BOTH)
def test_what_is_encoded_is_decoded(data: st.DataObject, form: Format) -> None:
    text = form is Format.RAW
    call = data.draw(drawn.appends(drawn.text_records if text else drawn.records))
    assert json_codec.decode_append(json_codec.encode_append(call, form), form) == call
    batch = data.draw(drawn.batches(drawn.text_sequenced if text else drawn.sequenced))
    assert json_codec.decode_batch(json_codec.encode_batch(batch, form), form) == batch
    ack = data.draw(drawn.acks)
    assert json_codec.decode_ack(json_codec.encode_ack(ack)) == ack
    assert json_codec.decode_tail(json_codec.encode_tail(ack.tail)) == Tail(ack.tail)


def test_the_json_is_that_of_the_description() -> None:
    call = Append((Record(b"\xff", ((b"a", b""),), 7), Record()), 3, "t")
    b64 = base64.b64encode(b"\xff").decode()
    assert json.loads(json_codec.encode_append(call)) == {
        "records": [{"body": b64, "headers": [["YQ==", ""]], "timestamp": 7}, {}],
        "match_seq_num": 3,
        "fencing_token": "t",
    }
    batch = Batch((SequencedRecord(1, 2, ((b"a", b"b"),), b"\xffc"),), Position(2, 2))
    assert json.loads(json_codec.encode_batch(batch, Format.RAW)) == {
        "records": [{"seq_num": 1, "timestamp": 2, "headers": [["a", "b"]], "body": "�c"}],
        "tail": {"seq_num": 2, "timestamp": 2},
    }
    p = {"seq_num": 1, "timestamp": 2}
    assert json.loads(json_codec.encode_ack(Ack(*[Position(1, 2)] * 3))) == {"start": p, "end": p, "tail": p}
    assert json.loads(json_codec.encode_error("invalid", "no")) == {"code": "invalid", "message": "no"}


def test_raw_format_refuses_to_send_what_is_no_text() -> None:
    with pytest.raises(UnicodeDecodeError):
        json_codec.encode_append(Append((Record(b"\xff"),)), Format.RAW)


def test_an_answer_may_have_fields_that_are_not_known() -> None:
    body = b'{"records":[{"seq_num":1,"timestamp":2,"new":0}],"tail":null,"newer":{}}'
    assert json_codec.decode_batch(body) == Batch((SequencedRecord(1, 2),))


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b'{"records":[],"x":1}', "x"),
        (b'{"records":[{"bodi":""}]}', "bodi"),
        (b'{"records":[{"timestamp":-1}]}', "$.records[0].timestamp"),
        (b'{"records":[{},{"timestamp":18446744073709551616}]}', "$.records[1].timestamp"),
        (b'{"records":[],"match_seq_num":18446744073709551616}', "$.match_seq_num"),
        (b'{"records":[],"match_seq_num":1.5}', "$.match_seq_num"),
        (b'{"records":[],"fencing_token":"' + b"x" * 37 + b'"}', "$.fencing_token"),
        (b'{"records":[{"body":"\\ud800"}]}', "surrogate"),
        (b'{"records":[{"body":"?"}]}', "base64"),
        (b"[" * 100_000, ""),
        (b"", ""),
        (b"{}", "records"),
    ],
)
def test_a_malformed_append_is_refused_with_the_place(body: bytes, where: str) -> None:
    form = Format.RAW if b"\\ud800" in body else Format.BASE64
    with pytest.raises(Malformed) as caught:
        json_codec.decode_append(body, form)
    assert caught.value.code == "bad_json"
    assert where in caught.value.message or where == "surrogate"


ENCODED: list[tuple[st.SearchStrategy[bytes], Callable[[bytes], Any]]] = [
    case
    for form in Format
    for case in (
        (
            drawn.appends(drawn.text_records).map(lambda call, form=form: json_codec.encode_append(call, form)),
            lambda body, form=form: json_codec.decode_append(body, form),
        ),
        (
            drawn.batches().map(lambda batch, form=form: json_codec.encode_batch(batch, form)),
            lambda body, form=form: json_codec.decode_batch(body, form),
        ),
        (drawn.acks.map(json_codec.encode_ack), json_codec.decode_ack),
        (drawn.positions.map(json_codec.encode_tail), json_codec.decode_tail),
        (st.just(json_codec.encode_error("invalid", "no")), json_codec.decode_error),
    )
]


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(ENCODED))
def test_damaged_json_is_decoded_or_malformed(
    data: st.DataObject, case: tuple[st.SearchStrategy[bytes], Callable[[bytes], Any]]
) -> None:
    encoded, decode = case
    with suppress(Malformed):
        decode(data.draw(drawn.damaged(data.draw(encoded))))


FLOODS = {
    "empty": b"{}",
    "spaced": b" {\n} ",
    "with text": rb'{"body":"\\\"{"}',
}


@pytest.mark.parametrize("record", FLOODS.values(), ids=FLOODS)
@pytest.mark.parametrize("form", Format)
def test_a_flood_of_records_is_refused_before_they_are_made(record: bytes, form: Format) -> None:
    body = b'{"records":[' + b",".join([record] * ((8 << 20) // (len(record) + 1))) + b"]}"
    tracemalloc.start()
    try:
        with pytest.raises(Malformed, match="1000 records") as refusal:
            json_codec.decode_append(body, form)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert refusal.value.code == "invalid"


def test_braces_in_the_text_of_large_batches_are_no_records() -> None:
    """Such as JSON in JSON."""
    texts = [json.dumps([{"quote": '"{', "n": number}] * 30) + "\\" for number in range(1000)]
    call = Append(tuple(Record(text.encode(), ((b"{", b'"{'),)) for text in texts))
    body = json_codec.encode_append(call, Format.RAW)
    for sent in (body, json.dumps(json.loads(body), indent=1).encode()):
        assert len(sent) > 1 << 20
        assert sent.count(b"{") > 30_000
        assert json_codec.decode_append(sent, Format.RAW) == call
