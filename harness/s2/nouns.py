"""The requests to a stream service, and its answers.

Names and units are those of S2: sequence numbers count records, timestamps are milliseconds since the Unix epoch,
``wait`` is in whole seconds, ``bytes`` counts metered bytes.

A run keeps hundreds of thousands of records, so all nouns are msgspec structs. These are a third smaller than
dataclasses, five times faster to make, and msgspec converts them directly from and to S2's base64 JSON. As a
consequence, only **decoding** validates. It rejects negative numbers, and
unknown fields in the nouns that a client sends.
"""

from __future__ import annotations

from typing import Annotated, Final, Generic, TypeAlias, TypeVar

from msgspec import Meta, Struct

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""Pairs of name and value, in order. Names may repeat."""

Unsigned: TypeAlias = Annotated[int, Meta(ge=0)]
"""A u64. msgspec can only express bounds within int64, so the codecs check the upper bound after decoding."""

FENCE: Final = b"fence"
TRIM: Final = b"trim"


class Position(Struct, frozen=True, gc=False):
    """A position in a stream. For a tail, it is the seq_num of the next record and the timestamp of the last."""

    seq_num: Unsigned
    timestamp: Unsigned


class Record(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """One record to append. If ``timestamp`` (ms) is None, the service assigns it."""

    body: bytes = b""
    headers: Headers = ()
    timestamp: Unsigned | None = None

    @classmethod
    def fence(cls, token: str) -> Record:
        """Return the command record that sets the fencing token (``""`` clears it)."""
        return cls(body=token.encode(), headers=((b"", FENCE),))

    @classmethod
    def trim(cls, seq_num: int) -> Record:
        """Return the command record that asks the service to trim all records below ``seq_num``."""
        return cls(body=seq_num.to_bytes(8, "big"), headers=((b"", TRIM),))


class SequencedRecord(Struct, frozen=True, gc=False, omit_defaults=True):
    """One record of a stream, as a read returns it."""

    seq_num: Unsigned
    timestamp: Unsigned
    headers: Headers = ()
    body: bytes = b""


class Ack(Struct, frozen=True, gc=False):
    """The answer to an append: its records are durable at ``[start.seq_num, end.seq_num)``, and ``tail >= end``."""

    start: Position
    end: Position
    tail: Position


class Batch(Struct, frozen=True, omit_defaults=True):
    """The answer to a read: consecutive durable records. Some services add ``tail`` to reads that follow."""

    records: tuple[SequencedRecord, ...]
    tail: Position | None = None


class Tail(Struct, frozen=True, gc=False):
    """The answer to a check-tail."""

    tail: Position


Answer: TypeAlias = Ack | Batch | Tail
A = TypeVar("A", bound=Answer, covariant=True)


class Call(Struct, Generic[A], frozen=True):
    """A request on the records of a stream. ``A`` is the noun of its answer."""

    @property
    def patience(self) -> int:
        """How long the service may take on purpose, in seconds."""
        return 0


class Append(Call[Ack], frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A request to append ``records`` (1–1000) atomically, if the given conditions hold."""

    records: tuple[Record, ...]
    match_seq_num: Unsigned | None = None
    fencing_token: str | None = None


class Read(Call[Batch], frozen=True):
    """A request to read from one of ``seq_num``, ``timestamp``, ``tail_offset`` (none: the tail), within given bounds.

    ``count`` and ``bytes`` apply in addition to the implicit 1000 records and 1 MiB of a unary read. ``until`` is an
    exclusive timestamp (ms). ``wait`` is how many seconds to wait for records if there are none yet (0 or None: do not
    wait).
    """

    seq_num: int | None = None
    timestamp: int | None = None
    tail_offset: int | None = None
    clamp: bool = False
    count: int | None = None
    bytes: int | None = None
    until: int | None = None
    wait: int | None = None

    @property
    def patience(self) -> int:
        """The ``wait``."""
        return self.wait or 0


class CheckTail(Call[Tail], frozen=True):
    """A request for the tail."""


def metered_size(record: Record | SequencedRecord) -> int:
    """Return the metered size in bytes: ``8 + 2·len(headers) + Σ(len(name) + len(value)) + len(body)``."""
    size = 8 + len(record.body)
    for name, value in record.headers:
        size += 2 + len(name) + len(value)
    return size
