"""The tables that a history's columns are made of: invocations and answers, as their lines say.

A reader only enters what it decodes, one event at a time or many as arrays. Whether an event may stand where it stands
is for :mod:`.joining` to find out, once all are there.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final

from ..s2 import Position
from . import events
from .columns import Expected, Interned, Ragged, Table
from .contradictions import InconsistentEvent
from .evidence import MISMATCHES, find
from .history import BEYOND, FOREVER, NONE, PARAMETERS
from .kinds import ROWS

KINDS: Final = {row.invoked: kind for kind, row in ROWS.items()}

LARGEST = 2**64 - 1
"""Digests are of 64 bits, and so are a service's positions."""

FOLLOWING: Final = 1
"""The ``wait`` (s) that stands for a read that may follow the tail without giving one."""


class Ending(IntEnum):
    """What an answer is. That of any kind but an append and a read is an exact tail."""

    ACK = 0
    BATCH = 1
    WHOLE = 2
    TAIL = 3
    FAILURE = 4
    INDEFINITE = 5
    FRAME = 6


ENDINGS: Final = {answer: Ending.TAIL for row in ROWS.values() for answer in row.answers} | {
    events.Acked: Ending.ACK,
    events.BatchRead: Ending.BATCH,
    events.WholeRead: Ending.WHOLE,
    events.Failed: Ending.FAILURE,
    events.Indefinite: Ending.INDEFINITE,
    events.Frame: Ending.FRAME,
}


class Tables:
    """Collects the invocations and the answers of one history, each under its number in the file.

    Invocations and answers are counted apart, from 0. They may be entered in any order, each once. What is said of an
    operation by its invocation is kept under the number of that, what is said by an answer under the number of the
    answer. ``place`` says where the line stands: anything that grows from line to line. ``claims`` holds whose
    operation, and of which kind, an answer says it is of, in formats whose answers say so.

    Methods that take an event raise :class:`InconsistentEvent` if it contradicts itself, and OverflowError for a number
    beyond the bounds that :func:`.builder.too_large` names.
    """

    def __init__(self, header: events.Header) -> None:
        self.header = header
        self.streams = Interned(*(stream.name for stream in header.streams))
        self.tokens = Interned("")
        self.codes = Interned()
        self.purposes = Interned("")
        self.expected = share = Expected()
        self.operations = Table(share,
            place="q", id="q", process="i", thread="i", stream="i", kind="B", invoked="q", intended="q", purpose="i",
            session="q",
        )  # fmt: skip
        self.answers = Table(share, place="q", op="q", time="q", ending="B")
        self.frames = Table(share, of="q")
        self.claims = Table(share, process="i", kind="b")
        self.errors = Table(share, status="i", code="i")
        self.observed = Table(share, observed_tail="q", observed_tail_timestamp="q")
        self.mismatches = {one.column: Table(share, **{one.column: "i" if one.is_token else "q"}) for one in MISMATCHES}
        self.appends = Table(share, match_seq_num="q", token="i", last_fence="i")
        self.acks = Table(
            share, start="q", start_timestamp="q", end="q", end_timestamp="q", tail="q", tail_timestamp="q"
        )
        self.reads = Table(share, **{column: "b" if column == "clamp" else "q" for column in PARAMETERS.values()})
        self.batch_tails = Table(share, tail="q")
        self.hashes = Table(share, stream_hash="Q", hashed="B")
        self.appended = Ragged(share, digest="Q", size="i")
        self.returned = Ragged(share, seq_num="q", timestamp="q", digest="Q", size="i")
        self.faults: list[events.Fault] = []
        self.remarks: list[events.Remark] = []
        self.fences: dict[int, dict[int, int]] = {}
        self.trims: dict[int, dict[int, int]] = {}
        self.timestamps: dict[int, list[int | None]] = {}
        self.read_fences: dict[int, dict[int, int]] = {}
        self.read_trims: dict[int, dict[int, int]] = {}
        self.read_contents: dict[int, dict[int, events.Content]] = {}
        self.whole = False
        self.n_asked = self.n_answered = 0

    def add(self, event: events.Event, place: int) -> None:
        """Enter the next event of the file."""
        if not 0 <= event.time < FOREVER:
            raise InconsistentEvent("time", f"the time {event.time} is not between 0 and 2⁶³ ns")
        if self.whole:
            raise InconsistentEvent("type", "nothing may follow the end; were two histories put into one file?")
        if isinstance(event, events.Fault):
            self.faults.append(event)
        elif isinstance(event, events.Remark):
            self.remarks.append(event)
        elif isinstance(event, events.End):
            self.whole = True
        elif type(event) in KINDS:
            self.ask(self.n_asked, place, event)  # type: ignore[arg-type]
            self.n_asked += 1
        else:
            self.answer(self.n_answered, place, event)  # type: ignore[arg-type]
            self.n_answered += 1

    def ask(self, number: int, place: int, event: events.Invoked) -> None:
        """Enter the invocation of this number."""
        session = getattr(event, "session", None)
        self.operations.add(
            number,
            place,
            event.op,
            event.process,
            NONE if event.thread is None else event.thread,
            self.streams(event.stream),
            KINDS[type(event)],
            event.time,
            NONE if event.intended is None else event.intended,
            self.purposes(event.purpose) if event.purpose else 0,
            NONE if session is None else session,
        )
        if isinstance(event, events.AppendInvoked):
            self._append(number, event)
        elif isinstance(event, events.ReadInvoked):
            self._read(number, event)

    def answer(self, number: int, place: int, event: events.Completed | events.Frame) -> None:
        """Enter the answer of this number."""
        self.answers.add(number, place, event.op, event.time, ENDINGS[type(event)])
        _TELLERS[type(event)](self, number, event)

    def _indefinite(self, row: int, event: events.Indefinite) -> None:
        self.errors.add(row, NONE if event.status is None else event.status, self.codes(event.reason))

    def _ack(self, row: int, event: events.Acked) -> None:
        self.acks.add(row, *map(_position, (*event.start, *event.end, *event.tail)))

    def _tail(self, row: int, event: Any) -> None:
        self.observed.add(row, *map(_position, event.tail))

    def _whole(self, row: int, event: events.WholeRead) -> None:
        if event.stream_hash > LARGEST:
            raise InconsistentEvent("stream_hash", "a hash is beyond 2⁶⁴")
        self.observed.add(row, *map(_position, event.tail))
        self.hashes.add(row, event.stream_hash, 1)

    def _append(self, row: int, event: events.AppendInvoked) -> None:
        number = len(event.digests)
        if len(event.sizes) != number:
            raise InconsistentEvent("sizes", f"{number} digests, but {len(event.sizes)} sizes")
        last = NONE
        if event.fences:
            self.fences[row] = self._numbered(event.fences)
            last = self.fences[row][max(event.fences)]
        if event.trims:
            self.trims[row] = _capped(event.trims)
        if event.timestamps is not None:
            self.timestamps[row] = [None if given is None else _position(given) for given in event.timestamps]
        self.appended.add(row, event.digests, event.sizes)
        self.appends.add(row, _position(event.match_seq_num), self.tokens(event.fencing_token), last)

    def _read(self, row: int, event: events.ReadInvoked) -> None:
        *given, wait = (_position(getattr(event, name)) for name in PARAMETERS)
        if event.session is not None and wait <= 0 and (event.count, event.bytes, event.until) == (None, None, None):
            wait = FOLLOWING  # a session without any limit follows the tail
        self.reads.add(row, *given, wait)

    def _fail(self, row: int, event: events.Failed) -> None:
        self.errors.add(row, NONE if event.status is None else event.status, self.codes(event.code))
        told = find(event.status, event.body)
        if told is None:
            return
        member = told.row.member
        value = event.body[member]
        if told.row.holds is Position:
            if not isinstance(value, dict):
                raise InconsistentEvent(f"body.{member}", f"{value!r} is not a position")
            self.observed.add(row, _body_position(value, "seq_num"), _body_position(value, "timestamp"))
        elif told.is_token:
            if not isinstance(value, str):
                raise InconsistentEvent(f"body.{member}", f"{value!r} is not a string")
            self.mismatches[told.column].add(row, self.tokens(value))
        else:
            self.mismatches[told.column].add(row, _body_position(event.body, member))

    def _batch(self, row: int, event: events.BatchRead | events.Frame) -> None:
        number = len(event.seq_nums)
        for name in ("timestamps", "digests", "sizes"):
            if len(getattr(event, name)) != number:
                raise InconsistentEvent(name, f"{number} seq_nums, but {len(getattr(event, name))} {name}")
        if max(event.digests, default=0) > LARGEST:
            raise InconsistentEvent("digests", "a digest is beyond 2⁶⁴")
        if event.tail is not None:
            self.batch_tails.add(row, _position(event.tail[0]))
        seq_nums, timestamps = _positions(event.seq_nums), _positions(event.timestamps)
        self.returned.add(row, seq_nums, timestamps, event.digests, event.sizes)
        if event.fences:
            self.read_fences[row] = self._numbered(event.fences)
        if event.trims:
            self.read_trims[row] = _capped(event.trims)
        if event.contents:
            self.read_contents[row] = event.contents

    def _frame(self, row: int, event: events.Frame) -> None:
        self.frames.add(row, event.of)
        self._batch(row, event)

    def _numbered(self, fences: dict[int, str]) -> dict[int, int]:
        return {index: self.tokens(token) for index, token in sorted(fences.items())}


_TELLERS: Final[dict[Any, Callable[[Tables, int, Any], None]]] = {
    answer: Tables._tail for row in ROWS.values() for answer in row.answers
} | {
    events.Indefinite: Tables._indefinite,
    events.Failed: Tables._fail,
    events.Acked: Tables._ack,
    events.WholeRead: Tables._whole,
    events.BatchRead: Tables._batch,
    events.Frame: Tables._frame,
}
"""What each way to end tells."""


def _capped(trims: dict[int, int]) -> dict[int, int]:
    return {index: _position(seq_num) for index, seq_num in sorted(trims.items())}


def _position(value: int | None) -> int:
    if value is None:
        return NONE
    if value <= BEYOND:
        return value
    if value > LARGEST:
        raise OverflowError
    return BEYOND


def _positions(values: list[int]) -> list[int]:
    return values if not values or max(values) <= BEYOND else [_position(value) for value in values]


def _body_position(body: dict[str, Any], name: str) -> int:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InconsistentEvent(f"body.{name}", f"{value!r} is not a position")
    if value > LARGEST:
        raise InconsistentEvent(f"body.{name}", "a number is beyond 2⁶⁴")
    return _position(value)
