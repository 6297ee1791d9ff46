"""A history in columns, as checkers, statistics and plots read it.

One row per operation, in the order of invocation. A million operations take some 300 MB and can be scanned with
numpy; :meth:`History.operation` gives one row as a value, for explanations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import events
from .kinds import APPEND as APPEND
from .kinds import READ as READ
from .kinds import Kind as Kind

Int64s: TypeAlias = NDArray[np.int64]
UInt64s: TypeAlias = NDArray[np.uint64]
Int32s: TypeAlias = NDArray[np.int32]
UInt8s: TypeAlias = NDArray[np.uint8]

NONE: Final = -1
"""Where a column of positions, tokens or codes holds nothing."""

FOREVER: Final = int(np.iinfo(np.int64).max)
"""The return time of an operation that may take effect at any later time."""

BEYOND: Final = FOREVER - 1
"""Stands for every position of 2⁶³ and more: no real stream gets there."""


class Outcome(IntEnum):
    """How an operation ended. An operation that never returned is indefinite."""

    OK = 0
    FAILED = 1
    INDEFINITE = 2


OK, FAILED, INDEFINITE = int(Outcome.OK), int(Outcome.FAILED), int(Outcome.INDEFINITE)
"""The same as plain integers, with which numpy compares a column several times faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appends:
    """The arguments and acknowledgements of appends; rows of other operations hold NONE.

    Columns have shape (n,) unless noted. ``token`` indexes :attr:`History.tokens`. The records of row i lie in
    ``digest`` and ``size`` (metered bytes) at ``[offset[i], offset[i + 1])``, with ``offset`` of shape (n + 1,).
    ``last_fence`` is the token that the last fence record of the batch sets. ``fences`` and ``trims`` map the rows
    that have any to a map from the index in the batch to the token (an index into tokens) or the seq_num.
    ``timestamps`` maps the rows that gave any to one entry per record: milliseconds, or None.
    """

    match_seq_num: Int64s
    token: Int32s
    offset: Int64s
    digest: UInt64s
    size: Int32s
    last_fence: Int32s
    start: Int64s
    end: Int64s
    tail: Int64s
    start_timestamp: Int64s
    end_timestamp: Int64s
    tail_timestamp: Int64s
    fences: dict[int, dict[int, int]]
    trims: dict[int, dict[int, int]]
    timestamps: dict[int, list[int | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """The arguments and answers of reads; rows of other operations hold NONE.

    ``from_*``, ``count``, ``bytes``, ``until`` (ms) and ``wait`` (s) are the parameters that were given. The records
    that row i returned lie at ``[offset[i], offset[i + 1])``. ``fences``, ``trims`` and ``contents`` are as in
    :class:`Appends` and :class:`.events.BatchRead`, keyed by row, then by index in the answer. ``tail`` is the tail
    that a follower was told. Where ``hashed`` is true, the answer was the exact tail (``observed_tail``) and
    ``stream_hash``, the chained hash of everything below it (:class:`.events.WholeRead`).
    """

    from_seq_num: Int64s
    from_timestamp: Int64s
    tail_offset: Int64s
    clamp: NDArray[np.bool_]
    count: Int64s
    bytes: Int64s
    until: Int64s
    wait: Int64s
    offset: Int64s
    seq_num: Int64s
    timestamp: Int64s
    digest: UInt64s
    size: Int32s
    tail: Int64s
    hashed: NDArray[np.bool_]
    stream_hash: UInt64s
    fences: dict[int, dict[int, int]]
    trims: dict[int, dict[int, int]]
    contents: dict[int, dict[int, events.Content]]


PARAMETERS: Final = {"seq_num": "from_seq_num", "timestamp": "from_timestamp"} | {
    name: name for name in ("tail_offset", "clamp", "count", "bytes", "until", "wait")
}
"""The columns of :class:`Reads` that hold what a read asked for, by the names of that in calls and events."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class History:
    """Every operation of a run, and everything else that happened to the run.

    Columns have shape (n,). ``id`` is the operation's id in the journal. ``process`` and ``thread`` say who invoked it
    (thread is NONE if not recorded). ``stream`` indexes ``header.streams``. ``kind`` holds :class:`Kind`, and
    ``outcome`` holds :class:`Outcome`. ``invoked``, ``intended`` and ``ended`` are nanoseconds since the start of the
    run; ``ended`` is when the client had an answer or gave up (FOREVER if never). ``returned`` equals ``ended``, but is
    FOREVER for every indefinite operation. ``status`` is the HTTP status of a failure. ``code`` indexes ``codes``: the
    error code, or the reason of an indefinite end. ``purpose`` indexes ``purposes``. ``observed_tail`` is the exact
    tail that a check-tail or a 416 answered; ``seq_num_mismatch`` and ``token_mismatch`` (an index into tokens) are
    what a 412 answered. ``session`` is the number of the operation's session (NONE without one).

    A frame is a row of its own. It was invoked when its read was, ended when it arrived, and begins where the frame
    before it ended. ``part_of`` is the row of its read (NONE for every other row).

    ``whole`` is False if the journal has no end mark. ``warnings`` come from the reader.
    """

    header: events.Header
    id: Int64s
    process: Int32s
    thread: Int32s
    stream: Int32s
    kind: UInt8s
    outcome: UInt8s
    invoked: Int64s
    intended: Int64s
    ended: Int64s
    returned: Int64s
    status: Int32s
    code: Int32s
    purpose: Int32s
    session: Int64s
    part_of: Int64s
    observed_tail: Int64s
    observed_tail_timestamp: Int64s
    seq_num_mismatch: Int64s
    token_mismatch: Int32s
    appends: Appends
    reads: Reads
    tokens: list[str]
    codes: list[str]
    purposes: list[str]
    faults: list[events.Fault] = field(default_factory=list)
    remarks: list[events.Remark] = field(default_factory=list)
    whole: bool = True
    warnings: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.id)

    def __repr__(self) -> str:
        streams = ", ".join(repr(stream.name) for stream in self.header.streams[:3])
        streams += ", …" if len(self.header.streams) > 3 else ""
        end = "" if self.whole else ", without its end"
        return f"<History {self.header.workload!r}: {len(self):,} operations on {streams or 'no stream'}{end}>"

    @property
    def duration(self) -> int:
        """Return the nanoseconds from the start of the run to the last event."""
        ended = self.ended[self.ended != FOREVER]
        times = [int(column.max()) for column in (self.invoked, ended) if len(column)]
        times += [fault.time for fault in self.faults]
        times += [remark.time for remark in self.remarks]
        return max(times, default=0)

    @property
    def crashes(self) -> list[str]:
        """What went wrong with the run itself: the history then holds what was seen until then."""
        return [remark.text for remark in self.remarks if remark.kind == events.CRASH]

    def row_of(self, op: int) -> int:
        """Return the row of an operation id. Raises KeyError if there is none."""
        row = int(np.searchsorted(self.id, op))
        if row == len(self.id) or self.id[row] != op:
            rows = np.flatnonzero(self.id == op)
            if not len(rows):
                raise KeyError(op)
            row = int(rows[0])
        return row

    def operation(self, row: int) -> Operation:
        """Return one row as a value."""
        return Operation(self, row)


@dataclass(frozen=True, slots=True, repr=False)
class Operation:
    """One row of a history as plain Python values; None where a column holds nothing."""

    history: History
    row: int

    def __repr__(self) -> str:
        return f"<{self.kind.label} #{self.id} of process {self.process}: {self.outcome.name.lower()}>"

    @property
    def id(self) -> int:
        """The id in the journal."""
        return int(self.history.id[self.row])

    @property
    def process(self) -> int:
        """The process identity that invoked it."""
        return int(self.history.process[self.row])

    @property
    def kind(self) -> Kind:
        """What it is."""
        return Kind(int(self.history.kind[self.row]))

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        return Outcome(int(self.history.outcome[self.row]))

    @property
    def stream(self) -> str:
        """The stream's name."""
        return self.history.header.streams[int(self.history.stream[self.row])].name

    @property
    def invoked(self) -> int:
        """When it was invoked, ns."""
        return int(self.history.invoked[self.row])

    @property
    def ended(self) -> int | None:
        """When its client had an answer or gave up, ns."""
        ended = int(self.history.ended[self.row])
        return None if ended == FOREVER else ended

    @property
    def purpose(self) -> str:
        """The workload's label for it."""
        return self.history.purposes[int(self.history.purpose[self.row])]

    @property
    def match_seq_num(self) -> int | None:
        """The expected position that an append gave."""
        return _given(self.history.appends.match_seq_num[self.row])

    @property
    def fencing_token(self) -> str | None:
        """The token that an append gave."""
        return self._token(self.history.appends.token[self.row])

    @property
    def last_fence(self) -> str | None:
        """The token that an append's batch sets."""
        return self._token(self.history.appends.last_fence[self.row])

    @property
    def records(self) -> int:
        """The number of records that an append holds, or that a read returned."""
        offset = self.history.appends.offset if self.kind is Kind.APPEND else self.history.reads.offset
        return int(offset[self.row + 1] - offset[self.row])

    @property
    def ack(self) -> tuple[int, int, int] | None:
        """``(start, end, tail)`` of an acknowledged append."""
        appends = self.history.appends
        if appends.start[self.row] == NONE:
            return None
        return int(appends.start[self.row]), int(appends.end[self.row]), int(appends.tail[self.row])

    @property
    def observed_tail(self) -> int | None:
        """The exact tail that a check-tail or a 416 answered."""
        return _given(self.history.observed_tail[self.row])

    @property
    def seq_num_mismatch(self) -> int | None:
        """The tail that a 412 named."""
        return _given(self.history.seq_num_mismatch[self.row])

    @property
    def token_mismatch(self) -> str | None:
        """The token that a 412 named."""
        return self._token(self.history.token_mismatch[self.row])

    @property
    def seq_nums(self) -> list[int]:
        """The seq_nums of the records that a read returned."""
        offset = self.history.reads.offset
        return [int(n) for n in self.history.reads.seq_num[offset[self.row] : offset[self.row + 1]]]

    @property
    def status(self) -> int | None:
        """The HTTP status of a failure."""
        return _given(self.history.status[self.row])

    @property
    def code(self) -> str | None:
        """The error code of a failure, or the reason of an indefinite end."""
        code = int(self.history.code[self.row])
        return None if code == NONE else self.history.codes[code]

    def _token(self, index: Any) -> str | None:
        return None if index == NONE else self.history.tokens[int(index)]


def _given(value: Any) -> int | None:
    return None if value == NONE else int(value)
