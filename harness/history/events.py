"""The events of a history journal, one JSON object per line. ``docs/history.md`` documents them.

The first line is a :class:`Header`. Every later line is one of :data:`Event`. Times are nanoseconds on the
monotonic clock of the recording machine, counted from the start of the run. An operation is identified by an
integer that is unique in the file.
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

Age: TypeAlias = Annotated[int, Meta(gt=0, le=2**63 - 1)]
"""An age, ms."""

Pair: TypeAlias = tuple[Number, Number | None]
"""A stream position: ``[seq_num, timestamp]``; the timestamp is None where the recorder does not know it."""


class StreamState(Struct, frozen=True, forbid_unknown_fields=True):
    """A stream and its state before the first operation. A ``fencing_token`` of None is unknown."""

    name: str
    tail: Number = 0
    fencing_token: str | None = ""


class Header(Struct, frozen=True, tag_field="type", tag="history"):
    """Describes the run: enough to judge its history and to run it again.

    ``unique_records`` promises that no two appended records have equal contents, fence and trim commands excepted.
    ``exercises`` maps counters of the statistics checker to the number below which the run proves little.
    ``untold`` lists, for people, what a history can express but this recorder left out.
    ``checkers`` names the checkers that judge the history; None means every general one.
    ``others_may_delete`` says that streams, or the basin, may be deleted by somebody whom this history does not show.
    ``times_are_lines`` says that times count the lines of the file that the history came from.
    ``retention_ms`` is the age (ms) beyond which the service may drop records; None means that none vanishes by age.
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
    others_may_delete: bool = False
    retention_ms: Age | None = None
    times_are_lines: bool = False


class _Event(Struct, frozen=True, tag_field="type", gc=False, omit_defaults=True):
    """Base of all events."""


class AppendInvoked(_Event, frozen=True, tag="append", kw_only=True):
    """An append was invoked.

    ``digests`` and ``sizes`` (metered bytes) have one entry per record, and so has ``timestamps`` (ms) if any record
    gave one. ``fences`` and ``trims`` map the index of a command record in the batch to its token or seq_num.
    ``session`` is the number of the append session that the batch belongs to; the batches of a session stand in
    submission order.
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
    """A read was invoked, with exactly these parameters. ``session`` is the number of the read session it opened."""

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
    """The content of a record in base64, kept for records that nobody in this history sent."""

    headers: list[tuple[str, str]]
    body: str


class BatchRead(_Event, frozen=True, tag="batch", kw_only=True):
    """A read succeeded. The lists have one entry per record, in the order of the answer.

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
    """One part of the answer to the read ``of``, which its client had at ``time``.

    A read session answers in frames, and so does a read whose answer an error cut short. A frame has an operation id
    of its own and the fields of :class:`BatchRead`. The read itself ends later, with the last part of its answer or
    in another way.
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
    """A read of the whole stream succeeded, and the recorder kept only the tail and one hash.

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
    """An operation certainly had no effect. ``status`` is None if nothing was sent."""

    op: Number
    time: Number
    code: str
    status: Status | None = None
    body: dict[str, Any] = field(default_factory=dict)


class Indefinite(_Event, frozen=True, tag="indefinite"):
    """Nobody knows whether the operation took effect or still will. ``time`` is when its client gave up."""

    op: Number
    time: Number
    reason: str
    status: Status | None = None
    body: dict[str, Any] = field(default_factory=dict)


class Fault(_Event, frozen=True, tag="fault"):
    """A fault was injected (``phase`` start), healed (heal), or could not be (failure)."""

    time: Number
    name: str
    phase: str
    detail: str = ""


CRASH: Final = "crash"
"""Kind of a remark about a failure of the run itself, such as an exception in a client task."""

INTERRUPT: Final = "interrupt"
"""Kind of a remark about a signal that interrupted the run."""


class Remark(_Event, frozen=True, tag="remark"):
    """Anything else that happened to the run, such as a new phase, an interrupt or a crashed client task."""

    time: Number
    kind: str
    text: str


class End(_Event, frozen=True, tag="end"):
    """The recorder was closed properly, so the history is whole."""

    time: Number


Invoked: TypeAlias = AppendInvoked | ReadInvoked | CheckTailInvoked
Completed: TypeAlias = Acked | BatchRead | WholeRead | TailRead | Failed | Indefinite
Event: TypeAlias = Invoked | Frame | Completed | Fault | Remark | End
