"""The nouns of a stream service, as a client says them: requests and answers.

These are plain values. They are what a workload asks for, what a client sends, what a recorder writes
down. Names are S2's own. Units: positions count records, timestamps are milliseconds since the Unix
epoch, ``wait`` is whole seconds, ``bytes`` counts metered bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

import xxhash

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

FENCE: Final = b"fence"
TRIM: Final = b"trim"


_NO_HEADERS: Final = bytes(4)


def digest(headers: Headers, body: bytes) -> int:
    """The identity of a record's content in a history: XXH3-64 over an unambiguous encoding.

    Names, values and body are length-prefixed, so that no two different contents encode alike. Timestamps
    are left out: the service may raise them. A history of n distinct records holds two equal digests by
    accident with probability of about n²/2⁶⁵.
    """
    if not headers:
        return xxhash.xxh3_64_intdigest(_NO_HEADERS + body)
    state = xxhash.xxh3_64(len(headers).to_bytes(4, "little"))
    for name, value in headers:
        state.update(len(name).to_bytes(4, "little"))
        state.update(name)
        state.update(len(value).to_bytes(4, "little"))
        state.update(value)
    state.update(body)
    return state.intdigest()


def metered_size(headers: Headers, body: bytes) -> int:
    """Metered bytes of a record: ``8 + 2·len(headers) + Σ(len(name) + len(value)) + len(body)``."""
    return 8 + 2 * len(headers) + sum(len(name) + len(value) for name, value in headers) + len(body)


@dataclass(frozen=True)
class Record:
    """One record to append. ``timestamp`` (ms) is None where the service shall assign it."""

    body: bytes = b""
    headers: Headers = ()
    timestamp: int | None = None

    @classmethod
    def fence(cls, token: str) -> Record:
        """The command record that sets the fencing token (``""`` clears it)."""
        return cls(body=token.encode(), headers=((b"", FENCE),))

    @classmethod
    def trim(cls, seq_num: int) -> Record:
        """The command record that asks for everything below ``seq_num`` to be trimmed."""
        return cls(body=seq_num.to_bytes(8, "big"), headers=((b"", TRIM),))

    @cached_property
    def digest(self) -> int:
        """See :func:`digest`."""
        return digest(self.headers, self.body)

    @cached_property
    def metered_size(self) -> int:
        """See :func:`metered_size`."""
        return metered_size(self.headers, self.body)


@dataclass(frozen=True, slots=True)
class SequencedRecord:
    """One record as a read returned it."""

    seq_num: int
    timestamp: int
    headers: Headers = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Position:
    """A position in a stream: as a tail, the seq_num of the next record and the timestamp of the last."""

    seq_num: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class Append:
    """Append ``records`` (1–1000) atomically, if the conditions that are given hold."""

    records: tuple[Record, ...]
    match_seq_num: int | None = None
    fencing_token: str | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """Read from one of ``seq_num``, ``timestamp``, ``tail_offset`` (none: the tail), within the bounds given."""

    seq_num: int | None = None
    timestamp: int | None = None
    tail_offset: int | None = None
    clamp: bool = False
    count: int | None = None
    bytes: int | None = None
    until: int | None = None
    wait: int | None = None


@dataclass(frozen=True, slots=True)
class CheckTail:
    """Ask for the tail."""


@dataclass(frozen=True, slots=True)
class Ack:
    """The answer to an append: its records are at ``[start.seq_num, end.seq_num)``."""

    start: Position
    end: Position
    tail: Position


@dataclass(frozen=True, slots=True)
class Batch:
    """The answer to a read. ``tail`` is given by some services when following."""

    records: tuple[SequencedRecord, ...]
    tail: Position | None = None


@dataclass(frozen=True, slots=True)
class Tail:
    """The answer to a check-tail."""

    tail: Position


Call: TypeAlias = Append | Read | CheckTail
Answer: TypeAlias = Ack | Batch | Tail


def command_of(headers: Headers) -> bytes | None:
    """The command name if a record with these headers is a command record, else None."""
    return headers[0][1] if len(headers) == 1 and headers[0][0] == b"" else None
