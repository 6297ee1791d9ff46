"""The JSON of records, in both directions: appends, acks, batches, tails and errors.

In ``base64`` format, the bytes of names, values and bodies travel as base64. This loses nothing, and msgspec reads and
writes the nouns in one pass. In ``raw`` format they travel as text, which loses bytes that are not UTF-8.

Decoding a request is strict: it rejects unknown fields, numbers that are not unsigned 64-bit integers, and text that is
not Unicode. Answers may have unknown fields. Every decoder raises only :class:`Malformed`.
"""

from __future__ import annotations

import enum
import re
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from .errors import Malformed
from .limits import MAX_BATCH_BYTES, MAX_BATCH_RECORDS, MAX_FENCING_TOKEN_BYTES, U64_MAX
from .nouns import Ack, Append, Batch, Position, Record, SequencedRecord, Tail, Unsigned

T = TypeVar("T")


class Format(enum.Enum):
    """The value of an ``s2-format`` header: how JSON represents the bytes of a record."""

    RAW = "raw"
    BASE64 = "base64"


class _RawRecord(Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    timestamp: Unsigned | None = None


class _RawAppend(Struct, forbid_unknown_fields=True, omit_defaults=True):
    records: list[_RawRecord]
    match_seq_num: Unsigned | None = None
    fencing_token: str | None = None


class _RawSequenced(Struct, omit_defaults=True, gc=False):
    seq_num: Unsigned
    timestamp: Unsigned
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


class _RawBatch(Struct, omit_defaults=True):
    records: list[_RawSequenced]
    tail: Position | None = None


_append: Final = msgspec.json.Decoder(Append)
_raw_append: Final = msgspec.json.Decoder(_RawAppend)
_ack: Final = msgspec.json.Decoder(Ack)
_batch: Final = msgspec.json.Decoder(Batch)
_raw_batch: Final = msgspec.json.Decoder(_RawBatch)
_tail: Final = msgspec.json.Decoder(Tail)

_MAX_OBJECTS: Final = MAX_BATCH_RECORDS + 1  # the append itself is one
_STRINGS_AND_OBJECTS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|\{', re.DOTALL)
_BRACE: Final = ord("{")

encode: Final = msgspec.json.Encoder().encode
"""Return the JSON of any value that msgspec can encode."""


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Return ``body`` as the decoder's type. Raises Malformed ``bad_json``, which says what is wrong and where."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Malformed("bad_json", str(error)) from error


# -- requests


def encode_append(call: Append, form: Format = Format.BASE64) -> bytes:
    """Return the body of an append. Raises UnicodeError if the token, or in ``raw`` format a record, is not text."""
    if form is Format.BASE64:
        return encode(call)
    records = [
        _RawRecord(record.body.decode(), _text(record.headers, "strict"), record.timestamp) for record in call.records
    ]
    return encode(_RawAppend(records, call.match_seq_num, call.fencing_token))


def decode_append(body: bytes, form: Format) -> Append:
    """Return the requested append. The service decides whether its records are a valid batch.

    Of more than 1000 ``raw`` records, decodes 1001, which the service refuses as well. Raises Malformed ``invalid`` for
    a large body with more records: one of 8 MiB has room for millions, which would take long and much memory.
    """
    if len(body) > MAX_BATCH_BYTES and body.count(b"{") > _MAX_OBJECTS:
        _refuse_flood(body)
    call = decode(_append, body) if form is Format.BASE64 else _from_raw(decode(_raw_append, body))
    for index, record in enumerate(call.records):
        if record.timestamp is not None and record.timestamp > U64_MAX:
            raise _not_u64(f"$.records[{index}].timestamp", record.timestamp)
    match, token = call.match_seq_num, call.fencing_token
    if match is not None and match > U64_MAX:
        raise _not_u64("$.match_seq_num", match)
    if token is not None and len(token.encode()) > MAX_FENCING_TOKEN_BYTES:
        raise Malformed(
            "bad_json",
            f"$.fencing_token is {len(token.encode())} bytes of UTF-8; the most is {MAX_FENCING_TOKEN_BYTES}",
        )
    return call


# -- answers


def encode_ack(ack: Ack) -> bytes:
    """Return ``{"start": …, "end": …, "tail": …}``."""
    return encode(ack)


def decode_ack(body: bytes) -> Ack:
    """Return the ack."""
    ack = decode(_ack, body)
    _check(ack.start, "$.start")
    _check(ack.end, "$.end")
    _check(ack.tail, "$.tail")
    return ack


def encode_batch(batch: Batch, form: Format) -> bytes:
    """Return ``{"records": […]}``, with ``tail`` if the batch has one. Omits empty headers and bodies."""
    if form is Format.BASE64:
        return encode(batch)
    records = [
        _RawSequenced(
            record.seq_num, record.timestamp, _text(record.headers, "replace"), record.body.decode(errors="replace")
        )
        for record in batch.records
    ]
    return encode(_RawBatch(records, batch.tail))


def decode_batch(body: bytes, form: Format = Format.BASE64) -> Batch:
    """Return the batch."""
    if form is Format.BASE64:
        batch = decode(_batch, body)
    else:
        raw = decode(_raw_batch, body)
        records = [SequencedRecord(r.seq_num, r.timestamp, _bytes(r.headers), r.body.encode()) for r in raw.records]
        batch = Batch(tuple(records), raw.tail)
    for index, record in enumerate(batch.records):
        if record.seq_num > U64_MAX:
            raise _not_u64(f"$.records[{index}].seq_num", record.seq_num)
        if record.timestamp > U64_MAX:
            raise _not_u64(f"$.records[{index}].timestamp", record.timestamp)
    if batch.tail is not None:
        _check(batch.tail, "$.tail")
    return batch


def encode_tail(tail: Position) -> bytes:
    """Return ``{"tail": …}``: the answer to a check-tail, and the body of a 416."""
    return encode(Tail(tail))


def decode_tail(body: bytes) -> Tail:
    """Return the answer to a check-tail, or the body of a 416."""
    tail = decode(_tail, body)
    _check(tail.tail, "$.tail")
    return tail


def encode_error(code: str, message: str) -> bytes:
    """Return ``{"code": …, "message": …}``."""
    return encode({"code": code, "message": message})


def decode_error(body: bytes) -> dict[str, Any]:
    """Return the JSON object in the body of an error answer. :func:`~.errors.recognise` interprets it."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Malformed("bad_json", str(error)) from error
    if not isinstance(found, dict):
        raise Malformed("bad_json", f"expected an object, not {type(found).__name__}")
    return found


def _refuse_flood(body: bytes) -> None:
    """Raise Malformed if a body has more objects than an append may have. Braces in strings are none."""
    objects = 0
    for found in _STRINGS_AND_OBJECTS.finditer(body):
        objects += body[found.start()] == _BRACE
        if objects > _MAX_OBJECTS:
            raise Malformed("invalid", f"a batch may have at most {MAX_BATCH_RECORDS} records; this one has more")


def _from_raw(raw: _RawAppend) -> Append:
    records = [
        Record(record.body.encode(), _bytes(record.headers), record.timestamp)
        for record in raw.records[: MAX_BATCH_RECORDS + 1]
    ]
    return Append(tuple(records), raw.match_seq_num, raw.fencing_token)


def _bytes(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple([(name.encode(), value.encode()) for name, value in headers]) if headers else ()


def _text(headers: tuple[tuple[bytes, bytes], ...], errors: str) -> tuple[tuple[str, str], ...]:
    return tuple([(name.decode(errors=errors), value.decode(errors=errors)) for name, value in headers])


def _check(position: Position, where: str) -> None:
    if position.seq_num > U64_MAX:
        raise _not_u64(f"{where}.seq_num", position.seq_num)
    if position.timestamp > U64_MAX:
        raise _not_u64(f"{where}.timestamp", position.timestamp)


def _not_u64(where: str, value: int) -> Malformed:
    return Malformed("bad_json", f"{where} must be an unsigned 64-bit integer, not {value}")
