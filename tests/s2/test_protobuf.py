"""Protobuf messages: the field numbers of S2, and nothing but one exception for what is malformed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost.harness.s2 import Ack, Append, Batch, Position, Record, SequencedRecord, protobuf
from fencepost.harness.s2.errors import Malformed

from . import drawn


@settings(max_examples=100, deadline=None)
@given(drawn.appends(), drawn.batches(), drawn.acks)
def test_what_is_encoded_is_decoded(call: Append, batch: Batch, ack: Ack) -> None:
    assert protobuf.decode_append(protobuf.encode_append(call)) == call
    assert protobuf.decode_batch(protobuf.encode_batch(batch)) == batch
    assert protobuf.decode_ack(protobuf.encode_ack(ack)) == ack


# Written down from the wire format and the field numbers of docs/semantics.md, not with the library.
def test_the_bytes_are_those_that_the_field_numbers_say() -> None:
    call = Append((Record(b"B", ((b"N", b"V"),), 5), Record()), 0, "")
    record = b"\x08\x05" + b"\x12\x06\x0a\x01N\x12\x01V" + b"\x1a\x01B"
    assert protobuf.encode_append(call) == b"\x0a\x0d" + record + b"\x0a\x00" + b"\x10\x00" + b"\x1a\x00"
    ack = Ack(Position(1, 300), Position(2, 300), Position(0, 0))
    assert protobuf.encode_ack(ack) == b"\x0a\x05\x08\x01\x10\xac\x02" + b"\x12\x05\x08\x02\x10\xac\x02" + b"\x1a\x00"
    batch = Batch((SequencedRecord(1, 2, ((b"N", b"V"),), b"B"),), Position(2, 2))
    record = b"\x08\x01\x10\x02" + b"\x1a\x06\x0a\x01N\x12\x01V" + b"\x22\x01B"
    assert protobuf.encode_batch(batch) == b"\x0a\x0f" + record + b"\x12\x04\x08\x02\x10\x02"
    assert protobuf.encode_batch(Batch(())) == b""


def test_fields_that_are_not_known_are_skipped() -> None:
    new = b"\x7a\x03new"  # number 15, bytes
    assert protobuf.decode_batch(protobuf.encode_batch(Batch((), Position(1, 2))) + new) == Batch((), Position(1, 2))


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_an_ack_without_a_position_is_malformed(missing: int) -> None:
    parts = [b"\x0a\x00", b"\x12\x00", b"\x1a\x00"]
    del parts[missing]
    with pytest.raises(Malformed, match="without"):
        protobuf.decode_ack(b"".join(parts))


@pytest.mark.parametrize("body", [b"\x0a", b"\x0a\x05", b"\x1a\x01\xff", b"\xff" * 11, b"\x0b" * 200, b"\x00"])
def test_what_is_no_message_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        protobuf.decode_append(body)
    assert caught.value.code == "bad_proto"


ENCODED: list[tuple[st.SearchStrategy[bytes], Callable[[bytes], Any]]] = [
    (drawn.appends().map(protobuf.encode_append), protobuf.decode_append),
    (drawn.batches().map(protobuf.encode_batch), protobuf.decode_batch),
    (drawn.acks.map(protobuf.encode_ack), protobuf.decode_ack),
]


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(ENCODED))
def test_damaged_messages_are_decoded_or_malformed(
    data: st.DataObject, case: tuple[st.SearchStrategy[bytes], Callable[[bytes], Any]]
) -> None:
    encoded, decode = case
    with suppress(Malformed):
        decode(data.draw(drawn.damaged(data.draw(encoded))))
