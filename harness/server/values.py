"""The nouns of the server: what a request asks for, what an answer says, how basins and streams are configured.

Names are S2's own. Units: sequence numbers count records, timestamps are milliseconds since the Unix epoch,
ages and ``wait`` are seconds, sizes are metered bytes. None in a configuration means "not set here": the value
then comes from the basin's default or, failing that, from the service's own.

Records are msgspec structs and not dataclasses: they are kept by the hundred thousand and go into the journal
as they are, and a struct is a third smaller and made five times faster.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final, TypeAlias

from msgspec import UNSET, Struct, UnsetType

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

MAX_BATCH_RECORDS: Final = 1000
MAX_BATCH_BYTES: Final = 1 << 20
MAX_FENCING_TOKEN_BYTES: Final = 36
MAX_REQUEST_TOKEN_BYTES: Final = 36
MAX_UNARY_WAIT: Final = 60
MAX_LIST: Final = 1000
U64_MAX: Final = (1 << 64) - 1


class StreamPosition(Struct, frozen=True, array_like=True, gc=False):
    """A position in a stream: as a tail, the seq_num of the next record and the timestamp of the last."""

    seq_num: int
    timestamp: int


class AppendRecord(Struct, frozen=True, array_like=True, gc=False):
    """A record to append. ``timestamp`` is None where the client gave none."""

    body: bytes = b""
    headers: Headers = ()
    timestamp: int | None = None


class SequencedRecord(Struct, frozen=True, array_like=True, gc=False):
    """A record as the stream holds it."""

    seq_num: int
    timestamp: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class AppendInput:
    """A batch to append atomically, if the conditions that are given hold."""

    records: tuple[AppendRecord, ...]
    match_seq_num: int | None = None
    fencing_token: str | None = None


@dataclass(frozen=True, slots=True)
class AppendAck:
    """The batch is at ``[start.seq_num, end.seq_num)`` and durable. ``tail`` is at or after ``end``."""

    start: StreamPosition
    end: StreamPosition
    tail: StreamPosition


@dataclass(frozen=True, slots=True)
class ReadInput:
    """Read from one of ``seq_num``, ``timestamp``, ``tail_offset`` (none given: the tail), within the bounds given.

    ``count`` and ``bytes`` are limits beside the implicit 1000 records and 1 MiB of a unary read; ``until`` is an
    exclusive timestamp; ``wait`` is how long to wait for records when there are none yet (0 or None: not at all).
    """

    seq_num: int | None = None
    timestamp: int | None = None
    tail_offset: int | None = None
    clamp: bool = False
    count: int | None = None
    bytes: int | None = None
    until: int | None = None
    wait: int | None = None


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """Consecutive durable records. ``tail`` is given only where the read waited for them."""

    records: tuple[SequencedRecord, ...]
    tail: StreamPosition | None = None


class TimestampingMode(enum.Enum):
    """Whose clock stamps a record."""

    CLIENT_PREFER = "client-prefer"
    CLIENT_REQUIRE = "client-require"
    ARRIVAL = "arrival"


class StorageClass(enum.Enum):
    """Accepted and reported. This server has one way of storing."""

    STANDARD = "standard"
    EXPRESS = "express"


class Retention(Struct, frozen=True):
    """How long records are kept: ``age`` in seconds, None for ever.

    Accepted and reported. This server removes nothing by age: a record past its retention *may* vanish, and here
    it never does.
    """

    age: int | None = None


class StreamConfig(Struct, frozen=True, omit_defaults=True):
    """The configuration of a stream. ``delete_on_empty_min_age`` (s, 0 is off) is accepted and reported only."""

    storage_class: StorageClass | None = None
    retention: Retention | None = None
    timestamping_mode: TimestampingMode | None = None
    timestamping_uncapped: bool | None = None
    delete_on_empty_min_age: int | None = None


class StreamReconfiguration(Struct, frozen=True):
    """A change to a configuration: UNSET leaves a field, None resets it to the service's default, a value sets it."""

    storage_class: StorageClass | UnsetType | None = UNSET
    retention: Retention | UnsetType | None = UNSET
    timestamping_mode: TimestampingMode | UnsetType | None = UNSET
    timestamping_uncapped: bool | UnsetType | None = UNSET
    delete_on_empty_min_age: int | UnsetType | None = UNSET


class BasinConfig(Struct, frozen=True, omit_defaults=True):
    """The configuration of a basin."""

    create_stream_on_append: bool = False
    create_stream_on_read: bool = False
    default_stream_config: StreamConfig = StreamConfig()


class BasinReconfiguration(Struct, frozen=True):
    """A change to a basin's configuration; see :class:`StreamReconfiguration`."""

    create_stream_on_append: bool | UnsetType | None = UNSET
    create_stream_on_read: bool | UnsetType | None = UNSET
    default_stream_config: StreamReconfiguration | UnsetType | None = UNSET


@dataclass(frozen=True, slots=True)
class BasinInfo:
    """A basin as lists show it. ``created_at`` is milliseconds since the Unix epoch."""

    name: str
    created_at: int


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """A stream as lists show it. ``created_at`` is milliseconds since the Unix epoch."""

    name: str
    created_at: int


class Provision(enum.Enum):
    """What an ensure (PUT) did; the value of the ``s2-provision-result`` header."""

    CREATED = "created"
    UPDATED = "updated"
    NOOP = "noop"


def metered_size(record: AppendRecord | SequencedRecord) -> int:
    """Metered bytes: ``8 + 2·len(headers) + Σ(len(name) + len(value)) + len(body)``."""
    size = 8 + len(record.body)
    for name, value in record.headers:
        size += 2 + len(name) + len(value)
    return size
