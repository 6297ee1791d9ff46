"""What is asked of a stream service, and what it answers.

Names and units are S2's own: sequence numbers count records, timestamps are milliseconds since the Unix epoch, ``wait``
is whole seconds, ``bytes`` counts metered bytes.

Records are kept by the hundred thousand, so all nouns are msgspec structs: a third smaller than dataclasses, made five
times faster, and msgspec reads and writes S2's base64 JSON straight from them. As a consequence the nouns that a client
sends refuse unknown fields, and the numbers are checked to be non-negative, but only when they are *decoded*.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""Pairs of name and value, in order. A name may occur more than once."""

Unsigned: TypeAlias = Annotated[int, Meta(ge=0)]
"""A u64. msgspec bounds integers within int64 only, so codecs check the upper bound after decoding."""

FENCE: Final = b"fence"
TRIM: Final = b"trim"


class Position(Struct, frozen=True, gc=False):
    """A position in a stream: as a tail, the seq_num of the next record and the timestamp of the last."""

    seq_num: Unsigned
    timestamp: Unsigned


class Record(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """One record to append. ``timestamp`` is None where the service shall assign it."""

    body: bytes = b""
    headers: Headers = ()
    timestamp: Unsigned | None = None

    @classmethod
    def fence(cls, token: str) -> Record:
        """The command record that sets the fencing token (``""`` clears it)."""
        return cls(body=token.encode(), headers=((b"", FENCE),))

    @classmethod
    def trim(cls, seq_num: int) -> Record:
        """The command record that asks for everything below ``seq_num`` to be trimmed."""
        return cls(body=seq_num.to_bytes(8, "big"), headers=((b"", TRIM),))


class SequencedRecord(Struct, frozen=True, gc=False, omit_defaults=True):
    """One record as a stream holds it and a read returns it."""

    seq_num: Unsigned
    timestamp: Unsigned
    headers: Headers = ()
    body: bytes = b""


class Append(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Append ``records`` (1–1000) atomically, if the conditions that are given hold."""

    records: tuple[Record, ...]
    match_seq_num: Unsigned | None = None
    fencing_token: str | None = None


class Read(Struct, frozen=True):
    """Read from one of ``seq_num``, ``timestamp``, ``tail_offset`` (none: the tail), within the bounds given.

    ``count`` and ``bytes`` are limits beside the implicit 1000 records and 1 MiB of a unary read; ``until`` is an
    exclusive timestamp; ``wait`` is how long to wait for records where there are none yet (0 or None: not at all).
    """

    seq_num: int | None = None
    timestamp: int | None = None
    tail_offset: int | None = None
    clamp: bool = False
    count: int | None = None
    bytes: int | None = None
    until: int | None = None
    wait: int | None = None


class CheckTail(Struct, frozen=True):
    """Ask for the tail."""


class Ack(Struct, frozen=True, gc=False):
    """The answer to an append: the records are durable at ``[start.seq_num, end.seq_num)``; ``tail`` is not before."""

    start: Position
    end: Position
    tail: Position


class Batch(Struct, frozen=True, omit_defaults=True):
    """The answer to a read: consecutive durable records. ``tail`` is given by some services when following."""

    records: tuple[SequencedRecord, ...]
    tail: Position | None = None


class Tail(Struct, frozen=True, gc=False):
    """The answer to a check-tail."""

    tail: Position


Call: TypeAlias = Append | Read | CheckTail
Answer: TypeAlias = Ack | Batch | Tail


def metered_size(record: Record | SequencedRecord) -> int:
    """Return the metered bytes: ``8 + 2·len(headers) + Σ(len(name) + len(value)) + len(body)``."""
    size = 8 + len(record.body)
    for name, value in record.headers:
        size += 2 + len(name) + len(value)
    return size
