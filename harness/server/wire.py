"""The JSON of records: appends in, acks and batches out, errors, and the queries of reads and lists.

Strict on the way in: an unknown field or parameter, a number that is no unsigned 64-bit integer, text that is not
Unicode are refused with a code that says which. Everything raises :class:`ServiceError` and nothing else.

In ``raw`` format a record's bytes are written as text, lossily where they are not UTF-8; in ``base64`` format
names, values and bodies travel as base64. Both ways of decoding are done by msgspec, in one pass.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from typing import Annotated, Any, Final, TypeAlias, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct

from ..s2 import Ack, Append, Batch, Position, Read, Record, SequencedRecord
from ..s2.limits import MAX_FENCING_TOKEN_BYTES, MAX_LIST, U64_MAX
from .errors import ServiceError

T = TypeVar("T")
# msgspec bounds integers within int64 only; the upper bound of a u64 is checked after decoding.
_Unsigned: TypeAlias = Annotated[int, Meta(ge=0)]


class Format(enum.Enum):
    """The ``s2-format`` header: how a record's bytes stand in JSON."""

    RAW = "raw"
    BASE64 = "base64"


class _RawRecord(Struct, forbid_unknown_fields=True, gc=False):
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    timestamp: _Unsigned | None = None


class _RawInput(Struct, forbid_unknown_fields=True):
    records: list[_RawRecord]
    match_seq_num: _Unsigned | None = None
    fencing_token: str | None = None


class _RawSequenced(Struct, omit_defaults=True, gc=False):
    seq_num: int
    timestamp: int
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


_raw_input: Final = msgspec.json.Decoder(_RawInput)
_base64_input: Final = msgspec.json.Decoder(Append)
_encode: Final = msgspec.json.Encoder().encode


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """``body`` as JSON. Raises ``bad_json`` with what is wrong and where."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ServiceError("bad_json", str(error)) from error


def decode_append(body: bytes, form: Format) -> Append:
    """The body of an append. The rules for records (sizes, commands) are the service's."""
    batch = decode(_base64_input, body) if form is Format.BASE64 else _from_raw(decode(_raw_input, body))
    for index, record in enumerate(batch.records):
        if record.timestamp is not None and record.timestamp > U64_MAX:
            raise _not_u64(f"$.records[{index}].timestamp", record.timestamp)
    match, token = batch.match_seq_num, batch.fencing_token
    if match is not None and match > U64_MAX:
        raise _not_u64("$.match_seq_num", match)
    if token is not None and len(token.encode()) > MAX_FENCING_TOKEN_BYTES:
        raise ServiceError(
            "bad_json",
            f"$.fencing_token is {len(token.encode())} bytes of UTF-8; the most is {MAX_FENCING_TOKEN_BYTES}",
        )
    return batch


def _from_raw(decoded: _RawInput) -> Append:
    records = [
        Record(
            record.body.encode(),
            tuple([(name.encode(), value.encode()) for name, value in record.headers]) if record.headers else (),
            record.timestamp,
        )
        for record in decoded.records
    ]
    return Append(tuple(records), decoded.match_seq_num, decoded.fencing_token)


def encode_ack(ack: Ack) -> bytes:
    """``{"start": …, "end": …, "tail": …}``."""
    start, end, tail = ack.start, ack.end, ack.tail
    return (
        b'{"start":{"seq_num":%d,"timestamp":%d},"end":{"seq_num":%d,"timestamp":%d},'
        b'"tail":{"seq_num":%d,"timestamp":%d}}'
        % (start.seq_num, start.timestamp, end.seq_num, end.timestamp, tail.seq_num, tail.timestamp)
    )


def encode_tail(tail: Position) -> bytes:
    """``{"tail": …}``: the answer to a check-tail, and the body of a 416."""
    return b'{"tail":{"seq_num":%d,"timestamp":%d}}' % (tail.seq_num, tail.timestamp)


def encode_batch(batch: Batch, form: Format) -> bytes:
    """``{"records": […]}``, with ``tail`` where the batch has one. Empty headers and bodies are left out."""
    if form is Format.BASE64:
        return _encode(batch)
    answer: dict[str, Any] = {"records": list(map(_raw, batch.records))}
    if batch.tail is not None:
        answer["tail"] = batch.tail
    return _encode(answer)


def encode_json(value: object) -> bytes:
    """Any value msgspec can write: the bodies of errors and of the answers that are not hot."""
    return _encode(value)


def decode_query(raw: bytes, allowed: Iterable[str]) -> dict[str, str]:
    """A query string as a dictionary. Raises ``bad_query`` for what is malformed, unknown or given twice."""
    if not raw:
        return {}
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=32
        )
    except ValueError as error:
        raise ServiceError("bad_query", f"the query string cannot be parsed: {error}") from error
    query: dict[str, str] = {}
    for name, value in pairs:
        if name not in allowed:
            raise ServiceError("bad_query", f"there is no parameter {name!r} here; there are: {', '.join(allowed)}")
        if name in query:
            raise ServiceError("bad_query", f"the parameter {name!r} is given twice")
        query[name] = value
    return query


READ_PARAMETERS: Final = ("seq_num", "timestamp", "tail_offset", "clamp", "count", "bytes", "until", "wait")
LIST_PARAMETERS: Final = ("prefix", "start_after", "limit")


def decode_read(raw: bytes) -> Read:
    """The query of a read."""
    query = decode_query(raw, READ_PARAMETERS)
    return Read(
        seq_num=_number(query, "seq_num"),
        timestamp=_number(query, "timestamp"),
        tail_offset=_number(query, "tail_offset"),
        clamp=_flag(query, "clamp"),
        count=_number(query, "count"),
        bytes=_number(query, "bytes"),
        until=_number(query, "until"),
        wait=_number(query, "wait"),
    )


def decode_list(raw: bytes) -> tuple[str, str, int]:
    """The query of a list: prefix, start_after, limit."""
    query = decode_query(raw, LIST_PARAMETERS)
    limit = _number(query, "limit")
    return query.get("prefix", ""), query.get("start_after", ""), MAX_LIST if limit is None else limit


_DIGITS: Final = re.compile(r"[0-9]{1,20}")


def _number(query: dict[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not _DIGITS.fullmatch(text) or (number := int(text)) > U64_MAX:
        raise ServiceError("bad_query", f"{name} must be an unsigned 64-bit integer, not {text[:40]!r}")
    return number


def _flag(query: dict[str, str], name: str) -> bool:
    text = query.get(name, "false")
    if text not in ("true", "false"):
        raise ServiceError("bad_query", f"{name} must be true or false, not {text[:40]!r}")
    return text == "true"


def _not_u64(where: str, value: int) -> ServiceError:
    return ServiceError("bad_json", f"{where} must be an unsigned 64-bit integer, not {value}")


def _raw(record: SequencedRecord) -> _RawSequenced:
    headers = tuple([(name.decode(errors="replace"), value.decode(errors="replace")) for name, value in record.headers])
    return _RawSequenced(record.seq_num, record.timestamp, headers, record.body.decode(errors="replace"))
