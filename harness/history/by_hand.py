"""Record a history in your own test: its calls to a stream service, and how each one ended."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Final

import msgspec

from ..client.outcome import Definite, Indefinite, Ok, Outcome
from ..s2 import Answer, Batch, Call
from ..workload import Invocation
from ..world.clock import SystemClock
from . import events
from .calls import Calls, RecordedCall
from .history import History
from .in_memory import InMemory
from .kinds import ROWS
from .reader import parse_history

_NAME: Final = "<HistoryBuilder>"


class HistoryBuilder(Calls):
    """A history in the making.

    ``streams`` are the streams that calls may name. A name stands for a new, empty stream. For any other stream, pass
    its state, a :class:`~fencepost.StreamState`. ``clock`` returns nanoseconds and never decreases. ``unique_records``
    means that no two appended records have the same content, which spares the checker a search. ``others_may_delete``
    and ``retention_ms`` declare who else may delete a stream, and the age at which the service may drop records
    (:class:`.events.Header`). ``workload`` says what the test does, for people.

    Each method records a call before it is sent. It returns an object, such as a :class:`~fencepost.RecordedAppend`,
    on which you record how the call ended. A call happens now, unless you pass a ``time`` (ns since the start). Calls
    with times may be recorded in any order. The builder assigns each call to an idle process. If you pass a process to
    one call, pass one to every call. You may omit ``stream`` if there is only one. Any thread may record.

    Raises ValueError, which names the call, for an undeclared stream, a process that is still busy, an end that comes
    twice or before the call began, and an answer of the wrong kind.
    """

    def __init__(
        self,
        *streams: str | events.StreamState,
        clock: Callable[[], int] | None = None,
        unique_records: bool = True,
        workload: str = "by-hand",
        others_may_delete: bool = False,
        retention_ms: int | None = None,
    ) -> None:
        from importlib.metadata import version

        if not streams:
            raise ValueError("name the streams of the history, such as HistoryBuilder('orders')")
        states = [events.StreamState(stream) if isinstance(stream, str) else stream for stream in streams]
        self._streams = [stream.name for stream in states]
        if len(set(self._streams)) < len(states):
            raise ValueError(f"a stream is declared twice: {', '.join(self._streams)}")
        if retention_ms is not None and retention_ms <= 0:
            raise ValueError(f"retention_ms is {retention_ms}; it is the age (ms) at which records may vanish, or None")
        self._clock = clock or SystemClock.monotonic_ns
        self._start = self._clock()
        self._time = 0
        self._lock = Lock()
        self._processes = _Processes()
        self._sessions = 0
        self._kept = InMemory(
            events.Header(
                schema=events.SCHEMA,
                version=version("fencepost"),
                workload=workload,
                seed=0,
                started=datetime.now(UTC).isoformat(timespec="milliseconds"),
                streams=states,
                unique_records=unique_records,
                others_may_delete=others_may_delete,
                retention_ms=retention_ms,
            ),
            lambda: self._time,
        )

    def fault(self, name: str, phase: str, detail: str = "") -> None:
        """Record that a fault started, healed or failed to do so (phase ``start``, ``heal``, ``failure``)."""
        with self._lock:
            self._now(None)
            self._kept.fault(name, phase, detail)

    def remark(self, kind: str, text: str) -> None:
        """Record any other event, for people."""
        with self._lock:
            self._now(None)
            self._kept.remark(kind, text)

    def history(self) -> History:
        """Return the history recorded so far. Calls that have not ended are indefinite.

        Raises :class:`~fencepost.HistoryFailure` if the history contradicts itself, for example if a process that you
        passed did two things at once.
        """
        return parse_history(self.journal(), _NAME)

    def journal(self) -> bytes:
        """Return the history recorded so far as the content of a history file (docs/history.md)."""
        return b"".join(msgspec.json.encode(event) + b"\n" for event in self)

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Return the path of a history file, after writing the history recorded so far to it. Raises OSError."""
        written = Path(path)
        written.write_bytes(self.journal())
        return written

    def __iter__(self) -> Iterator[events.Header | events.Event]:
        """Yield the events so far, in order of time. This lets you pass a builder to :func:`~fencepost.check`."""
        with self._lock:
            header, found = self._kept.header, sorted(self._kept.events, key=lambda event: event.time)
        yield header
        yield from found
        yield events.End(found[-1].time if found else 0)

    def __len__(self) -> int:
        """Return the number of recorded calls."""
        return self._kept.calls

    def __repr__(self) -> str:
        return f"<HistoryBuilder: {len(self):,} calls on {', '.join(map(repr, self._streams))}>"

    # -- called by the calls

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
        with self._lock:
            named, now = self._named(stream), self._now(time)
            if process is None:
                process = self._processes.idle(now)
            elif session is None:
                self._processes.give(process, untimed=time is None)
            op = self._kept.invoke(Invocation(named, call, purpose=purpose), process, session)
            if session is None:
                self._processes.begin(process, op)
            return op, process, now

    def session(self, stream: str | None, process: int | None) -> tuple[str, int, int]:
        """Return the stream, the process and the number of a new session."""
        with self._lock:
            self._sessions += 1
            return self._named(stream), self._processes.reserved(process), self._sessions - 1

    def complete(self, call: RecordedCall, outcome: Outcome[Answer], time: int | None) -> None:
        """Record how a call ended."""
        with self._lock:
            ended = self._later(call, time)
            if isinstance(outcome, Ok) and not isinstance(outcome.value, ROWS[call.kind].answer):
                raise ValueError(f"{call!r}: {type(outcome.value).__name__} is no answer to that")
            if not isinstance(outcome, Ok | Definite | Indefinite):
                raise TypeError(f"{call!r}: a call ends Ok, Definite or Indefinite, not {type(outcome).__name__}")
            self._kept.complete(call.op, outcome)
            call.ended = ended
            if not isinstance(outcome, Indefinite):
                self._processes.end(call.process, call.op, ended)

    def part(self, call: RecordedCall, part: Batch, time: int | None) -> None:
        """Record a part of a call's answer."""
        with self._lock:
            self._later(call, time)
            self._kept.frame(call.op, self._kept.now(), part)

    def _later(self, call: RecordedCall, time: int | None) -> int:
        """Return the time of an event (ns) of a call. Raises ValueError unless the call is open at that time."""
        now = self._now(time)
        if call.ended is not None:
            raise ValueError(f"{call!r}: its end is recorded already")
        if now < call.invoked:
            raise ValueError(f"{call!r}: {now} ns is before it was invoked")
        return now

    def _now(self, time: int | None) -> int:
        if time is not None and time < 0:
            raise ValueError(f"the time {time} is negative; times are nanoseconds since the start of the history")
        self._time = self._clock() - self._start if time is None else time
        return self._time

    def _named(self, stream: str | None) -> str:
        if stream is None and len(self._streams) == 1:
            return self._streams[0]
        if stream not in self._streams:
            what = "name the stream" if stream is None else f"the stream {stream!r} is not declared"
            raise ValueError(f"{what}; there are: {', '.join(map(repr, self._streams))}")
        return stream


class _Processes:
    """The processes that make the calls. A process does one thing at a time, and stops after an indefinite end."""

    def __init__(self) -> None:
        self._idle: dict[int, int] = {}
        self._lent: set[int] = set()
        self._given: set[int] = set()
        self._busy: dict[int, int] = {}
        self._next = 0

    def idle(self, now: int) -> int:
        """Return the builder's lowest process that is idle from this time (ns) on."""
        idle = [process for process, since in self._idle.items() if since <= now]
        if idle:
            del self._idle[min(idle)]
            return min(idle)
        self._lent.add(fresh := self._fresh())
        return fresh

    def give(self, process: int, *, untimed: bool) -> None:
        """Use a process that the caller chose. Calls with times are only checked once the history is whole."""
        if process in self._lent:
            raise ValueError(f"the builder chose process {process} for other calls; give every call a process, or none")
        if untimed and process in self._busy:
            raise ValueError(
                f"process {process} is still busy with call #{self._busy[process]}, or that ended indefinitely; a "
                "process does one thing at a time, and nothing after an indefinite end: give this call another one, or "
                "none"
            )
        self._given.add(process)

    def reserved(self, process: int | None) -> int:
        """Return the process of a session: the given one, or a new one that does nothing else."""
        if process is None:
            process = self._fresh()
        self._given.add(process)
        return process

    def begin(self, process: int, op: int) -> None:
        """Mark a process as busy."""
        self._busy[process] = op

    def end(self, process: int, op: int, ended: int) -> None:
        """Mark a process as idle, unless it has begun another call."""
        if self._busy.get(process) == op:
            del self._busy[process]
            if process in self._lent:
                self._idle[process] = ended

    def _fresh(self) -> int:
        while self._next in self._lent or self._next in self._given:
            self._next += 1
        return self._next
