"""The events of a history journal, one JSON object a line. Their documentation is ``docs/history.md``.

The first line is a :class:`Header`. Every later line is one of :data:`Event`. Times are nanoseconds on the
monotonic clock of the recording machine, counted from the start of the run. Operations are named by an
integer that no other operation of the file has.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

from msgspec import Meta, Struct, field

SCHEMA: Final = 2
"""The version of the journal's schema that is written."""

READABLE: Final = (1, 2)
"""The versions that are read: each is a part of the next. A reader refuses a version that it does not know."""

Number: TypeAlias = Annotated[int, Meta(ge=0)]
"""A position, a timestamp, a time, an id, a digest: never negative."""

Small: TypeAlias = Annotated[int, Meta(ge=0, le=2**31 - 1)]
"""A number that a column of 32 bits holds."""

Status: TypeAlias = Annotated[int, Meta(ge=100, le=999)]
"""An HTTP status."""

Pair: TypeAlias = tuple[Number, Number | None]
"""A stream position: ``[seq_num, timestamp]``; the timestamp is None where the recorder does not know it."""


class StreamState(Struct, frozen=True, forbid_unknown_fields=True):
    """A stream and its state before the first operation. A ``fencing_token`` of None is unknown."""

    name: str
    tail: Number = 0
    fencing_token: str | None = ""


class Header(Struct, frozen=True, tag_field="type", tag="history"):
    """What the history is of: enough to judge it and to run it again.

    ``unique_records`` says that the recorder made every appended record's content unique (records that hold
    nothing but a fence or trim command excepted). ``exercises`` maps counters of the statistics checker to
    the number below which the run says little. ``untold`` lists what the recorder left out of what a history can
    tell, for people. ``checkers`` names the checkers that judge it; None means every general one.
    """

    schema: int
    version: str
    workload: str
    seed: int
    started: str
    streams: list[StreamState]
    target: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    exercises: dict[str, int] = field(default_factory=dict)
    unique_records: bool = True
    untold: list[str] = field(default_factory=list)
    checkers: list[str] | None = None


class _Event(Struct, frozen=True, tag_field="type", gc=False, omit_defaults=True):
    """What all events have in common."""


class AppendInvoked(_Event, frozen=True, tag="append", kw_only=True):
    """An append was invoked.

    ``digests`` and ``sizes`` (metered bytes) have one entry a record; ``timestamps`` (ms) too where any record
    gave one. ``fences`` and ``trims`` map the index of a command record in the batch to its token or seq_num.
    ``session`` numbers the append session that the batch is of; those of one session stand in their order.
    """

    op: Number
    time: Number
    process: Small
    stream: str
    digests: list[Number]
    sizes: list[Small]
    match_seq_num: Number | None = None
    fencing_token: str | None = None
    timestamps: list[Number | None] | None = None
    fences: dict[int, str] | None = None
    trims: dict[int, Number] | None = None
    thread: Small | None = None
    purpose: str = ""
    intended: Number | None = None
    session: Small | None = None


class ReadInvoked(_Event, frozen=True, tag="read", kw_only=True):
    """A read was invoked, with exactly these parameters. ``session`` numbers the read session that it opened."""

    op: Number
    time: Number
    process: Small
    stream: str
    seq_num: Number | None = None
    timestamp: Number | None = None
    tail_offset: Number | None = None
    clamp: bool = False
    count: Number | None = None
    bytes: Number | None = None
    until: Number | None = None
    wait: Number | None = None
    thread: Small | None = None
    purpose: str = ""
    intended: Number | None = None
    session: Small | None = None


class CheckTailInvoked(_Event, frozen=True, tag="check-tail", kw_only=True):
    """A check-tail was invoked."""

    op: Number
    time: Number
    process: Small
    stream: str
    thread: Small | None = None
    purpose: str = ""
    intended: Number | None = None


class Acked(_Event, frozen=True, tag="ack"):
    """An append succeeded. Positions are ``[seq_num, timestamp]``."""

    op: Number
    time: Number
    start: Pair
    end: Pair
    tail: Pair


class Content(Struct, frozen=True):
    """A record's content, base64: kept for records that nobody in this history sent."""

    headers: list[tuple[str, str]]
    body: str


class BatchRead(_Event, frozen=True, tag="batch", kw_only=True):
    """A read succeeded. The lists have one entry a record, in the order of the answer.

    ``fences`` and ``trims`` map indices of command records to token or seq_num; ``contents`` maps indices of
    records that nobody in this history sent to their content. ``tail`` is as in :class:`Acked`.
    """

    op: Number
    time: Number
    seq_nums: list[Number]
    timestamps: list[Number]
    digests: list[Number]
    sizes: list[Small]
    fences: dict[int, str] | None = None
    trims: dict[int, Number] | None = None
    contents: dict[int, Content] | None = None
    tail: Pair | None = None


class Frame(_Event, frozen=True, tag="frame", kw_only=True):
    """A part of an answer, that of the read ``of``: what had come by ``time``, whatever came after.

    A read session answers in frames; so does a read whose answer was cut short by an error. A frame has an
    operation id of its own and the fields of :class:`BatchRead`. The read itself ends later, with the last part of
    its answer or in some other way.
    """

    op: Number
    of: Number
    time: Number
    seq_nums: list[Number]
    timestamps: list[Number]
    digests: list[Number]
    sizes: list[Small]
    fences: dict[int, str] | None = None
    trims: dict[int, Number] | None = None
    contents: dict[int, Content] | None = None
    tail: Pair | None = None


class WholeRead(_Event, frozen=True, tag="whole"):
    """A read of the whole stream succeeded, of which the recorder kept the tail and one hash.

    ``stream_hash`` is the fold of ``h ← XXH3-64(digest as 8 bytes, little-endian; seed h)`` over the digests of
    all records from position 0 on, from h = 0.
    """

    op: Number
    time: Number
    tail: Pair
    stream_hash: Number


class TailRead(_Event, frozen=True, tag="tail"):
    """A check-tail succeeded."""

    op: Number
    time: Number
    tail: Pair


class Failed(_Event, frozen=True, tag="failure"):
    """An operation failed definitely: it had no effect. ``status`` is None where nothing was sent."""

    op: Number
    time: Number
    code: str
    status: Status | None = None
    body: dict[str, Any] = field(default_factory=dict)


class Indefinite(_Event, frozen=True, tag="indefinite"):
    """Nobody knows whether the operation took, or will take, effect. ``time`` is when its client gave up."""

    op: Number
    time: Number
    reason: str
    status: Status | None = None
    body: dict[str, Any] = field(default_factory=dict)


class Fault(_Event, frozen=True, tag="fault"):
    """A fault was started, healed, or could not be (``phase`` start, heal, failure)."""

    time: Number
    name: str
    phase: str
    detail: str = ""


CRASH: Final = "crash"
"""The kind of a remark that tells what went wrong with the run itself, such as an exception of a client task."""

INTERRUPT: Final = "interrupt"
"""The kind of a remark that tells of a signal."""


class Remark(_Event, frozen=True, tag="remark"):
    """Anything else that happened to the run: a phase began, an interrupt, the crash of a client task."""

    time: Number
    kind: str
    text: str


class End(_Event, frozen=True, tag="end"):
    """The recorder was closed: the history is whole."""

    time: Number


INVOCATIONS: Final = frozenset({"append", "read", "check-tail"})
"""The types of the events that begin an operation."""

Invoked: TypeAlias = AppendInvoked | ReadInvoked | CheckTailInvoked
Completed: TypeAlias = Acked | BatchRead | WholeRead | TailRead | Failed | Indefinite
Event: TypeAlias = Invoked | Frame | Completed | Fault | Remark | End
