"""The operations of hand-written and random histories: their calls and their answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from fencepost.harness import s2
from fencepost.harness.history.digest import digest

Position = tuple[int, int | None]
"""A seq_num, and a timestamp (ms) that may be unknown."""

TIME: Final = 1000
"""The default timestamp (ms) of the record at position 0."""


@dataclass(frozen=True, slots=True)
class Rec:
    """A record: its name, or the command that it is. ``timestamp`` (ms) is the one that an append gives."""

    name: str
    size: int | None = None
    timestamp: int | None = None
    fence: str | None = None
    trim: int | None = None

    @property
    def content(self) -> s2.Record:
        """The record as it is sent."""
        return _content_of(self)

    @property
    def digest(self) -> int:
        """The digest of the record as it is sent."""
        return _digest_of(self)

    @property
    def metered(self) -> int:
        """Metered bytes."""
        return s2.metered_size(self.content)


@lru_cache(4096)
def _content_of(rec: Rec) -> s2.Record:
    if rec.fence is not None:
        return s2.Record.fence(rec.fence)
    if rec.trim is not None:
        return s2.Record.trim(rec.trim)
    return s2.Record(rec.name.encode().ljust((rec.size or 0) - 8, b"."))


@lru_cache(4096)
def _digest_of(rec: Rec) -> int:
    return digest(_content_of(rec))


@dataclass(frozen=True, slots=True)
class Seen:
    """A record in an answer: its position, its timestamp (ms) and its content."""

    seq_num: int
    timestamp: int
    rec: Rec


@dataclass(frozen=True, slots=True)
class Ack:
    """An append was acknowledged. Each field is a (seq_num, timestamp), without the timestamp if nobody recorded it."""

    start: Position
    end: Position
    tail: Position


@dataclass(frozen=True, slots=True)
class Batch:
    """A read was answered with records."""

    seen: tuple[Seen, ...]
    tail: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the answer to a read that has not ended yet. The client received it at ``time`` (ns)."""

    time: int
    seen: tuple[Seen, ...]
    tail: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    """A read of the whole stream was answered with the tail and the chained hash of all records below it."""

    tail: Position
    stream_hash: int


@dataclass(frozen=True, slots=True)
class Tail:
    """A check-tail was answered with the tail."""

    tail: Position


@dataclass(frozen=True, slots=True)
class TailMismatch:
    """A 412: ``match_seq_num`` was not the tail, which was ``tail``."""

    tail: int


@dataclass(frozen=True, slots=True)
class TokenMismatch:
    """A 412: the append's token was not the token in force, which was ``token``."""

    token: str


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """A 416: there is nothing to read. ``tail`` is the tail."""

    tail: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Refused:
    """A definite failure that says nothing about the stream, such as a 412 without a body."""

    code: str
    status: int | None = 429


@dataclass(frozen=True, slots=True)
class Lost:
    """An indefinite outcome. ``Op.ended`` is when the client gave up, or None if it never did."""


Answer = Ack | Batch | Whole | Tail | TailMismatch | TokenMismatch | Unsatisfiable | Refused | Lost


@dataclass(frozen=True, slots=True)
class Op:
    """One operation. ``kind`` is append, read or check-tail. Times are in ns.

    ``session`` is the append session that a batch belongs to, or the read session that a read opened. ``parts`` are the
    parts of a read's answer that arrived before its end.
    """

    kind: str
    process: int
    invoked: int
    ended: int | None
    answer: Answer
    records: tuple[Rec, ...] = ()
    match: int | None = None
    token: str | None = None
    read: s2.Read = field(default_factory=s2.Read)
    stream: str = "s"
    session: int | None = None
    parts: tuple[Part, ...] = ()

    @property
    def returned(self) -> float:
        """The time at which the operation returned; infinite if it is indefinite."""
        return float("inf") if self.ended is None or isinstance(self.answer, Lost) else self.ended
