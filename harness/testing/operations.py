"""What histories by hand and at random are made of: operations, what they asked and what they were answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from fencepost.harness import s2
from fencepost.harness.history.digest import digest

TIME: Final = 1000
"""The timestamp (ms) of the record at position 0 where nothing is said."""


@dataclass(frozen=True, slots=True)
class Rec:
    """A record: its name, or the command that it is. ``timestamp`` is the one given, in an append."""

    name: str
    size: int | None = None
    timestamp: int | None = None
    fence: str | None = None
    trim: int | None = None

    @property
    def content(self) -> s2.Record:
        """What is sent."""
        return _content_of(self)

    @property
    def digest(self) -> int:
        """The digest of what is sent."""
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
    """A record in an answer: where, when (ms), what."""

    seq_num: int
    timestamp: int
    rec: Rec


@dataclass(frozen=True, slots=True)
class Ack:
    """An append was acknowledged. Each is a (seq_num, timestamp)."""

    start: tuple[int, int]
    end: tuple[int, int]
    tail: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Batch:
    """A read was answered."""

    seen: tuple[Seen, ...]
    tail: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the answer to a read that has yet to end, which its client had at ``time`` (ns)."""

    time: int
    seen: tuple[Seen, ...]
    tail: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    """A read of the whole stream was answered; the tail, and the chained hash of all that is below it."""

    tail: tuple[int, int]
    stream_hash: int


@dataclass(frozen=True, slots=True)
class Tail:
    """A check-tail was answered."""

    tail: tuple[int, int]


@dataclass(frozen=True, slots=True)
class TailMismatch:
    """412: the tail was not the one given."""

    tail: int


@dataclass(frozen=True, slots=True)
class TokenMismatch:
    """412: the token was not the one given."""

    token: str


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """416: there is nothing to read; the tail."""

    tail: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Refused:
    """A definite failure that says nothing of the stream. 412 without a body is one."""

    code: str
    status: int | None = 429


@dataclass(frozen=True, slots=True)
class Lost:
    """Indefinite. ``Op.ended`` is when the client gave up, None if it never did."""


Answer = Ack | Batch | Whole | Tail | TailMismatch | TokenMismatch | Unsatisfiable | Refused | Lost


@dataclass(frozen=True, slots=True)
class Op:
    """One operation. ``kind`` is append, read or check-tail; times are ns.

    ``session`` is the append session that a batch is of, or the read session that a read opened. ``parts`` are what
    came of a read's answer before it ended.
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
        """When it returned, infinite for an indefinite one."""
        return float("inf") if self.ended is None or isinstance(self.answer, Lost) else self.ended
