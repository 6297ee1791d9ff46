"""The entries of the journal: one for each change of state, in MessagePack.

An entry records the result of a request, not the request. So a replay needs neither rules nor a clock.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from ..s2 import Headers, SequencedRecord
from .values import BasinConfig, StreamConfig


class BasinSet(Struct, frozen=True, tag="basin"):
    """A basin exists, with this configuration.

    ``request_token`` and ``requested`` are the token and the configuration of the request that created it, so that a
    repetition of that request is not a conflict.
    """

    name: str
    created_at: int
    config: BasinConfig
    request_token: str | None = None
    requested: BasinConfig | None = None


class BasinDeleted(Struct, frozen=True, tag="basin-deleted"):
    """A basin was deleted, with its streams."""

    name: str


class StreamSet(Struct, frozen=True, tag="stream"):
    """A stream exists, with this configuration. ``id`` names the incarnation and is never used again."""

    id: int
    basin: str
    name: str
    created_at: int
    config: StreamConfig
    request_token: str | None = None
    requested: StreamConfig | None = None


class StreamDeleted(Struct, frozen=True, tag="stream-deleted"):
    """A stream was deleted."""

    basin: str
    name: str


class StreamState(Struct, frozen=True, array_like=True):
    """Everything about a stream but its records: the state that the next append meets, and the trim point."""

    next_seq_num: int
    newest_timestamp: int
    fencing_token: str
    trim_point: int


class Checkpoint(Struct, frozen=True, tag="checkpoint"):
    """The whole state but records, so that recovery needs no earlier entries. Each segment begins with one."""

    last_id: int
    basins: tuple[BasinSet, ...]
    streams: tuple[tuple[StreamSet, StreamState], ...]


class Appended(Struct, frozen=True):
    """A batch was appended to an incarnation of a stream. Its records got the next seq_nums there."""

    stream: int
    records: tuple[SequencedRecord, ...]


class _Appended(Struct, frozen=True, array_like=True, tag="append"):
    """An :class:`Appended` as the journal stores it: fields without names."""

    stream: int
    records: list[tuple[int, int, Headers, bytes]]


Change: TypeAlias = BasinSet | BasinDeleted | StreamSet | StreamDeleted
Entry: TypeAlias = Change | Checkpoint | Appended
# msgspec distinguishes the structs of a union by their tags, and all must be maps or all arrays. Appends are frequent,
# so they are arrays, in their own wrapper.
_OTHER: Final = b"\x00"
_APPEND: Final = b"\x01"
_encode = msgspec.msgpack.Encoder().encode
_append: msgspec.msgpack.Decoder[_Appended] = msgspec.msgpack.Decoder(_Appended)
_Other: TypeAlias = Change | Checkpoint
_other: msgspec.msgpack.Decoder[_Other] = msgspec.msgpack.Decoder(_Other)


def encode(entry: Entry) -> bytes:
    """Return the entry as the journal stores it."""
    if isinstance(entry, Appended):
        records = [(record.seq_num, record.timestamp, record.headers, record.body) for record in entry.records]
        return _APPEND + _encode(_Appended(entry.stream, records))
    return _OTHER + _encode(entry)


def decode(data: bytes) -> Entry:
    """Return the entry that :func:`encode` encoded. Raise ValueError if it cannot be read."""
    try:
        body = memoryview(data)[1:]
        match data[:1]:
            case b"\x01":
                found = _append.decode(body)
                return Appended(found.stream, tuple([SequencedRecord(*fields) for fields in found.records]))
            case b"\x00":
                return _other.decode(body)
    except msgspec.MsgspecError as error:
        raise ValueError(f"an entry cannot be read: {error}") from error
    raise ValueError(f"an entry has the unknown kind {data[:1]!r}")
