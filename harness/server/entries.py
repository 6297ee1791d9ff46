"""The entries of the journal: one for each change of state, in MessagePack.

An entry records the result of a request, not the request. So a replay needs neither rules nor a clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from ..s2 import Headers, SequencedRecord
from .access.scopes import Scope
from .values import BasinConfig, Cipher, StreamConfig


class BasinSet(Struct, frozen=True, tag="basin"):
    """A basin exists, with this configuration.

    ``request_token`` and ``requested`` are the token and the configuration of the request that created it, so that a
    repetition of that request is not a conflict. ``deleted_at`` is when its deletion began, in a checkpoint.
    """

    name: str
    created_at: int
    config: BasinConfig
    request_token: str | None = None
    requested: BasinConfig | None = None
    deleted_at: int | None = None


class BasinDeleting(Struct, frozen=True, tag="basin-deleting"):
    """The deletion of a basin, and of all streams in it, was accepted."""

    name: str
    deleted_at: int


class BasinDeleted(Struct, frozen=True, tag="basin-deleted"):
    """A basin is gone, with its streams. Its name is free again."""

    name: str


class StreamSet(Struct, frozen=True, tag="stream"):
    """A stream exists, with this configuration. ``id`` names the incarnation and is never used again.

    ``cipher`` is for life.
    """

    id: int
    basin: str
    name: str
    created_at: int
    config: StreamConfig
    request_token: str | None = None
    requested: StreamConfig | None = None
    deleted_at: int | None = None
    cipher: Cipher | None = None


class StreamDeleting(Struct, frozen=True, tag="stream-deleting"):
    """The deletion of an incarnation was accepted. Nothing can be appended to it or read from it any more."""

    id: int
    deleted_at: int


class StreamDeleted(Struct, frozen=True, tag="stream-deleted"):
    """An incarnation is gone. Its name is free again."""

    id: int


class AccessTokenSet(Struct, frozen=True, tag="access-token"):
    """An access token exists. Its secret is stored nowhere, only the BLAKE2b ``digest`` of it.

    ``expires_at`` is in milliseconds since the Unix epoch. None is never.
    """

    id: str
    scope: Scope
    auto_prefix_streams: bool = False
    expires_at: int | None = None
    digest: bytes = b""

    @property
    def name(self) -> str:
        """The id, by which lists are sorted."""
        return self.id

    def expired(self, now: int) -> bool:
        """Return whether it has expired at a time."""
        return self.expires_at is not None and self.expires_at <= now

    def expiring(self, at: int | None) -> AccessTokenSet:
        """Return it with another expiry."""
        return msgspec.structs.replace(self, expires_at=at)


class AccessTokenRevoked(Struct, frozen=True, tag="access-token-revoked"):
    """An access token was revoked, or removed because it had expired. Its id is free again."""

    id: str


class Expired(Struct, frozen=True, tag="expired"):
    """The records of an incarnation below a seq_num are past their retention, and are gone for good."""

    stream: int
    below: int


class StreamState(Struct, frozen=True, array_like=True):
    """Everything about a stream but its records: the state that the next append meets, and the trim point.

    ``newest_arrival`` is when the last append arrived (ms), or 0 if there has been none.
    """

    next_seq_num: int
    newest_timestamp: int
    fencing_token: str
    trim_point: int
    newest_arrival: int


class Checkpoint(Struct, frozen=True, tag="checkpoint"):
    """The whole state but records, so that recovery needs no earlier entries. Each segment begins with one."""

    last_id: int
    basins: tuple[BasinSet, ...]
    streams: tuple[tuple[StreamSet, StreamState], ...]
    tokens: tuple[AccessTokenSet, ...] = ()


class Appended(Struct, frozen=True, gc=False):
    """A batch was appended to an incarnation of a stream. Its records got the next seq_nums there.

    ``arrival`` is when it arrived (ms): retention counts from there.
    """

    stream: int
    records: tuple[SequencedRecord, ...]
    arrival: int


class _Appended(Struct, frozen=True, array_like=True, tag="append", gc=False):
    """An :class:`Appended` as the journal stores it: fields without names."""

    stream: int
    records: list[tuple[int, int, Headers, bytes]]
    arrival: int


Change: TypeAlias = BasinSet | BasinDeleting | BasinDeleted | StreamSet | StreamDeleting | StreamDeleted
TokenChange: TypeAlias = AccessTokenSet | AccessTokenRevoked
Entry: TypeAlias = Change | TokenChange | Expired | Checkpoint | Appended
# msgspec distinguishes the structs of a union by their tags, and all must be maps or all arrays. Appends are frequent,
# so they are arrays, in their own wrapper.
_OTHER: Final = b"\x00"
_APPEND: Final = b"\x01"
_encode = msgspec.msgpack.Encoder().encode
_append = msgspec.msgpack.Decoder(_Appended).decode
_Other: TypeAlias = Change | TokenChange | Expired | Checkpoint
_other: Callable[[memoryview], _Other] = msgspec.msgpack.Decoder(_Other).decode


def encode(entry: Entry) -> bytes:
    """Return the entry as the journal stores it."""
    if isinstance(entry, Appended):
        records = [(record.seq_num, record.timestamp, record.headers, record.body) for record in entry.records]
        return _APPEND + _encode(_Appended(entry.stream, records, entry.arrival))
    return _OTHER + _encode(entry)


def decode(data: bytes) -> Entry:
    """Return the entry that :func:`encode` encoded. Raise ValueError if it cannot be read."""
    try:
        if data.startswith(_APPEND):
            found = _append(memoryview(data)[1:])
            return Appended(found.stream, tuple([SequencedRecord(*fields) for fields in found.records]), found.arrival)
        if data.startswith(_OTHER):
            return _other(memoryview(data)[1:])
    except msgspec.MsgspecError as error:
        raise ValueError(f"an entry cannot be read: {error}") from error
    raise ValueError(f"an entry has the unknown kind {data[:1]!r}")
