"""The calls of a history that is recorded by hand: how each begins, and how it ends.

A call is open until its end is recorded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, ClassVar, Self, TypeAlias

from ..client.outcome import Definite, Indefinite, Ok, Outcome
from ..s2 import Ack, Answer, Append, Batch, Call, CheckTail, Position, Read, Record, SequencedRecord, Tail
from .evidence import MISMATCHES
from .kinds import Kind

Where: TypeAlias = int | tuple[int, int | None] | Position
"""A position in a stream: its seq_num, ``(seq_num, timestamp)``, or a Position from one of fencepost's clients."""

Records: TypeAlias = Iterable[Record | bytes | str]
"""Records to append. Bytes or text stand for a record with that body."""

Seen: TypeAlias = SequencedRecord | tuple[int, int, bytes | str]
"""A record that a read returned: ``(seq_num, timestamp, body)``, or a SequencedRecord if it has headers."""


class Calls(ABC):
    """The calls that can be recorded. What records them is an implementation of the abstract methods."""

    @abstractmethod
    def invoke(
        self,
        call: Call[Answer],
        stream: str | None = None,
        process: int | None = None,
        time: int | None = None,
        purpose: str = "",
        session: int | None = None,
    ) -> tuple[int, int, int]:
        """Return the operation id, process and time (ns) of a new invocation. Calls of a session may overlap."""

    @abstractmethod
    def session(self, stream: str | None, process: int | None) -> tuple[str, int, int]:
        """Return the stream, the process and the number of a new session."""

    @abstractmethod
    def complete(self, call: RecordedCall, outcome: Outcome[Answer], time: int | None) -> None:
        """Record how the call ended, now or at ``time`` (ns)."""

    @abstractmethod
    def part(self, call: RecordedCall, part: Batch, time: int | None) -> None:
        """Record that a part of the call's answer arrived, now or at ``time`` (ns)."""

    def append(
        self,
        records: Records,
        *,
        match_seq_num: int | None = None,
        fencing_token: str | None = None,
        stream: str | None = None,
        process: int | None = None,
        time: int | None = None,
        purpose: str = "",
    ) -> RecordedAppend:
        """Record and return an append that is about to be sent. ``purpose`` is a label, for people."""
        call = Append(_records(records), match_seq_num, fencing_token)
        return RecordedAppend(self, *self.invoke(call, stream, process, time, purpose), len(call.records))

    def append_session(self, *, stream: str | None = None, process: int | None = None) -> RecordedSession:
        """Return an append session. Its batches may overlap, and apply in the order in which they are recorded."""
        return RecordedSession(self, *self.session(stream, process))

    def read(
        self,
        parameters: Read | None = None,
        /,
        *,
        stream: str | None = None,
        process: int | None = None,
        time: int | None = None,
        purpose: str = "",
        **given: int | None,
    ) -> RecordedRead:
        """Record and return a read that is about to be sent.

        Pass a :class:`~fencepost.Read`, or its parameters by name: ``read(seq_num=7, count=10)``.
        """
        call = _read(parameters, given)
        return RecordedRead(self, *self.invoke(call, stream, process, time, purpose))

    def read_session(
        self,
        parameters: Read | None = None,
        /,
        *,
        stream: str | None = None,
        process: int | None = None,
        time: int | None = None,
        purpose: str = "",
        **given: int | None,
    ) -> RecordedRead:
        """Record and return a read session that is about to be opened.

        It has no implicit bounds, and its answer comes in parts. It takes the parameters of :meth:`read`.
        """
        call = _read(parameters, given)
        named, process, session = self.session(stream, process)
        return RecordedRead(self, *self.invoke(call, named, process, time, purpose, session))

    def check_tail(
        self, *, stream: str | None = None, process: int | None = None, time: int | None = None, purpose: str = ""
    ) -> RecordedCheckTail:
        """Record and return a check-tail that is about to be sent."""
        return RecordedCheckTail(self, *self.invoke(CheckTail(), stream, process, time, purpose))


class RecordedCall:
    """One call whose invocation is recorded.

    As a context manager, the call ends with its block. It is *indefinite* if the block raised or did not record an end.
    ``op`` is the call's id in the history, ``process`` the process that made it.
    """

    kind: ClassVar[Kind]

    def __init__(self, calls: Calls, op: int, process: int, invoked: int) -> None:
        self.op = op
        self.process = process
        self.invoked = invoked
        self.ended: int | None = None
        self._calls = calls

    def failed(
        self, code: str, status: int | None = None, body: Mapping[str, Any] | None = None, *, time: int | None = None
    ) -> None:
        """Record a *definite* failure: it promises that the call had no effect.

        ``code`` is the service's error code (``not_sent`` if nothing was sent), ``status`` the HTTP status if there
        was one, ``body`` the error body. For a 412 or a 416, whose bodies are evidence, use
        :meth:`RecordedAppend.refused` or :meth:`RecordedRead.beyond_tail`.
        """
        self.complete(Definite(code, status, dict(body or {})), time=time)

    def lost(self, reason: str = "no answer", *, time: int | None = None) -> None:
        """Record an *indefinite* end: nobody knows whether the call took effect, or still will.

        ``reason`` is for people.
        """
        self.complete(Indefinite(reason), time=time)

    def complete(self, outcome: Outcome[Any], *, time: int | None = None) -> None:
        """Record the outcome that a :class:`~fencepost.StreamClient` returned. ``time`` (ns) defaults to now."""
        self._calls.complete(self, outcome, time)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.ended is None:
            self.lost("no answer was recorded" if error is None else f"{type(error).__name__}: {error}")

    def __repr__(self) -> str:
        when = "open" if self.ended is None else f"ended at {self.ended} ns"
        return f"<{self.kind.label} #{self.op} of process {self.process}: invoked at {self.invoked} ns, {when}>"


class RecordedAppend(RecordedCall):
    """One append whose invocation is recorded."""

    kind = Kind.APPEND

    def __init__(self, calls: Calls, op: int, process: int, invoked: int, records: int) -> None:
        super().__init__(calls, op, process, invoked)
        self._records = records

    def acked(
        self, start: Where, end: Where | None = None, tail: Where | None = None, *, time: int | None = None
    ) -> None:
        """Record that the append was acknowledged: its records are at ``[start, end)``.

        ``end`` defaults to ``start`` plus the number of appended records. ``tail`` defaults to ``end``.
        """
        first = _position(start)
        last = Position(first.seq_num + self._records, _UNKNOWN) if end is None else _position(end)
        self.complete(Ok(Ack(first, last, last if tail is None else _position(tail))), time=time)

    def refused(self, *, time: int | None = None, **told: int | str) -> None:
        """Record a 412: the append's condition did not hold.

        Pass what the answer told: the tail as ``seq_num_mismatch``, or the token as ``token_mismatch``.
        """
        rows = {one.column: one for one in MISMATCHES}
        if len(told) != 1 or not told.keys() <= rows.keys():
            raise ValueError(f"{self!r}: a refusal names either {' or '.join(rows)}")
        ((column, value),) = told.items()
        self.failed("condition_failed", rows[column].status, {rows[column].row.member: value}, time=time)


class RecordedRead(RecordedCall):
    """One read, or read session, whose invocation is recorded."""

    kind = Kind.READ

    def part(self, records: Iterable[Seen], tail: Where | None = None, *, time: int | None = None) -> None:
        """Record a part of the answer. The read goes on. A heartbeat has a ``tail`` and no records."""
        self._calls.part(self, _batch(records, tail), time)

    def saw(self, records: Iterable[Seen] = (), tail: Where | None = None, *, time: int | None = None) -> None:
        """Record that the read succeeded, with these records after those of its parts.

        ``tail`` is the tail that the answer reported, if any. Services may report one to reads that follow.
        """
        self.complete(Ok(_batch(records, tail)), time=time)

    def beyond_tail(self, tail: Where, *, time: int | None = None) -> None:
        """Record a 416: the read began at or beyond the tail that the answer reported."""
        found = _position(tail)
        body = {"tail": {"seq_num": found.seq_num, "timestamp": found.timestamp or 0}}
        self.failed("range_not_satisfiable", 416, body, time=time)


class RecordedCheckTail(RecordedCall):
    """One check-tail whose invocation is recorded."""

    kind = Kind.CHECK_TAIL

    def answered(self, tail: Where, *, time: int | None = None) -> None:
        """Record the tail in the answer."""
        self.complete(Ok(Tail(_position(tail))), time=time)


class RecordedSession:
    """One append session. Its batches apply in the order in which they are recorded."""

    def __init__(self, calls: Calls, stream: str, process: int, session: int) -> None:
        self._calls = calls
        self.stream = stream
        self.process = process
        self.session = session

    def append(
        self,
        records: Records,
        *,
        match_seq_num: int | None = None,
        fencing_token: str | None = None,
        time: int | None = None,
        purpose: str = "",
    ) -> RecordedAppend:
        """Record and return the session's next batch, which is about to be sent."""
        call = Append(_records(records), match_seq_num, fencing_token)
        begun = self._calls.invoke(call, self.stream, self.process, time, purpose, self.session)
        return RecordedAppend(self._calls, *begun, len(call.records))


# A journal may omit a timestamp. The type of a client's answer does not allow that.
_UNKNOWN: Any = None


def _position(where: Where) -> Position:
    if isinstance(where, Position):
        return where
    seq_num, timestamp = (where, None) if isinstance(where, int) else where
    return Position(seq_num, _UNKNOWN if timestamp is None else timestamp)


def _batch(records: Iterable[Seen], tail: Where | None) -> Batch:
    return Batch(tuple(map(_seen, records)), None if tail is None else _position(tail))


def _seen(record: Seen) -> SequencedRecord:
    if isinstance(record, SequencedRecord):
        return record
    seq_num, timestamp, body = record
    return SequencedRecord(seq_num, timestamp, (), body.encode() if isinstance(body, str) else body)


def _records(given: Records) -> tuple[Record, ...]:
    if isinstance(given, bytes | str | Record):
        raise TypeError(f"an append takes a list of records, not a single {type(given).__name__}")
    return tuple(_record(record) for record in given)


def _record(given: Record | bytes | str) -> Record:
    if isinstance(given, Record):
        return given
    return Record(given.encode() if isinstance(given, str) else given)


def _read(parameters: Read | None, given: dict[str, int | None]) -> Read:
    if parameters is not None and given:
        raise TypeError("give a Read or its parameters by name, not both")
    return Read(**given) if parameters is None else parameters  # type: ignore[arg-type]
