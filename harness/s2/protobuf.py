"""The protobuf messages of records, in both directions: appends, acks and batches.

A table declares the messages, and the protobuf library builds them on first use, so that no compiler and no generated
code are needed. Every decoder skips unknown fields, and raises only :class:`Malformed` ``bad_proto``.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from .errors import Malformed
from .limits import MAX_BATCH_BYTES, MAX_BATCH_RECORDS
from .nouns import Ack, Append, Batch, Headers, Position, Record, SequencedRecord

_MESSAGES: Final = {
    "StreamPosition": ("uint64 seq_num", "uint64 timestamp"),
    "Header": ("bytes name", "bytes value"),
    "AppendRecord": ("optional uint64 timestamp", "repeated Header headers", "bytes body"),
    "AppendInput": ("repeated AppendRecord records", "optional uint64 match_seq_num", "optional string fencing_token"),
    "AppendAck": ("StreamPosition start", "StreamPosition end", "StreamPosition tail"),
    "SequencedRecord": ("uint64 seq_num", "uint64 timestamp", "repeated Header headers", "bytes body"),
    "ReadBatch": ("repeated SequencedRecord records", "optional StreamPosition tail"),
}
"""The fields of each message, in order of their numbers, which start at 1."""

_PACKAGE: Final = "s2.v1"


@cache
def message_classes() -> dict[str, Any]:
    """Return the message classes by name. The first call imports the protobuf library."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field_of = descriptor_pb2.FieldDescriptorProto
    scalars = {"uint64": field_of.TYPE_UINT64, "bytes": field_of.TYPE_BYTES, "string": field_of.TYPE_STRING}
    file = descriptor_pb2.FileDescriptorProto(name="s2/v1/s2.proto", package=_PACKAGE, syntax="proto3")
    for message_name, fields in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for number, declaration in enumerate(fields, 1):
            *modifiers, kind, name = declaration.split()
            field = message.field.add(name=name, number=number, label=field_of.LABEL_OPTIONAL)
            if kind in scalars:
                field.type = scalars[kind]
            else:
                field.type, field.type_name = field_of.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            if "repeated" in modifiers:
                field.label = field_of.LABEL_REPEATED
            if "optional" in modifiers:  # proto3 represents it as a separate oneof
                field.proto3_optional = True
                field.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{name}")
    pool = descriptor_pool.DescriptorPool()  # an official SDK may have registered these names in the default pool
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _MESSAGES
    }


def encode_append(call: Append) -> bytes:
    """Return an ``AppendInput``. Raises UnicodeEncodeError if the token is not Unicode text."""
    message = message_classes()["AppendInput"]()
    add = message.records.add
    for record in call.records:
        made = add(body=record.body)
        if record.timestamp is not None:
            made.timestamp = record.timestamp
        for name, value in record.headers:
            made.headers.add(name=name, value=value)
    if call.match_seq_num is not None:
        message.match_seq_num = call.match_seq_num
    if call.fencing_token is not None:
        message.fencing_token = call.fencing_token
    return _bytes(message)


def decode_append(body: bytes) -> Append:
    """Return the append that an ``AppendInput`` requests. The service decides whether it is valid.

    A body of 8 MiB has room for four million empty records or headers, which would take seconds and much memory. So of
    more than 1000 records, this decodes 1001, which the service refuses as well. Raises Malformed ``bad_proto``, or
    ``invalid`` if a batch is too large by its number of headers.
    """
    message = _parsed("AppendInput", body)
    found = message.records[: MAX_BATCH_RECORDS + 1]
    if len(body) > MAX_BATCH_BYTES and 2 * sum([len(record.headers) for record in found]) > MAX_BATCH_BYTES:
        raise Malformed(
            "invalid", f"a batch may have at most {MAX_BATCH_BYTES} metered bytes; this one has more headers"
        )
    records = [
        Record(record.body, _headers(record.headers), record.timestamp if record.HasField("timestamp") else None)
        for record in found
    ]
    return Append(
        tuple(records),
        message.match_seq_num if message.HasField("match_seq_num") else None,
        message.fencing_token if message.HasField("fencing_token") else None,
    )


def encode_ack(ack: Ack) -> bytes:
    """Return an ``AppendAck``."""
    message = message_classes()["AppendAck"]()
    for field, position in ((message.start, ack.start), (message.end, ack.end), (message.tail, ack.tail)):
        _set(field, position)
    return _bytes(message)


def decode_ack(body: bytes) -> Ack:
    """Return the ack. Raises Malformed if a position is missing."""
    message = _parsed("AppendAck", body)
    for name in ("start", "end", "tail"):
        if not message.HasField(name):
            raise Malformed("bad_proto", f"an AppendAck without {name}")
    return Ack(_position(message.start), _position(message.end), _position(message.tail))


def encode_batch(batch: Batch) -> bytes:
    """Return a ``ReadBatch``. With a tail but without records it is a heartbeat."""
    message = message_classes()["ReadBatch"]()
    add = message.records.add
    for record in batch.records:
        made = add(seq_num=record.seq_num, timestamp=record.timestamp, body=record.body)
        for name, value in record.headers:
            made.headers.add(name=name, value=value)
    if batch.tail is not None:
        _set(message.tail, batch.tail)
    return _bytes(message)


def decode_batch(body: bytes) -> Batch:
    """Return the batch."""
    message = _parsed("ReadBatch", body)
    records = [
        SequencedRecord(record.seq_num, record.timestamp, _headers(record.headers), record.body)
        for record in message.records
    ]
    return Batch(tuple(records), _position(message.tail) if message.HasField("tail") else None)


def _parsed(name: str, body: bytes) -> Any:
    try:
        return message_classes()[name].FromString(body)
    except _decode_error() as error:
        raise Malformed("bad_proto", f"not a {name}: {error}") from error


def _decode_error() -> type[Exception]:
    from google.protobuf.message import DecodeError

    return DecodeError


def _headers(headers: Any) -> Headers:
    return tuple([(header.name, header.value) for header in headers]) if headers else ()


def _position(message: Any) -> Position:
    return Position(message.seq_num, message.timestamp)


def _set(field: Any, position: Position) -> None:
    field.SetInParent()  # without this, a position of zeros would count as absent
    field.seq_num = position.seq_num
    field.timestamp = position.timestamp


def _bytes(message: Any) -> bytes:
    found: bytes = message.SerializeToString()
    return found
