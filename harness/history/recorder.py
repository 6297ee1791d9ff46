"""Writes the history of a run while the run happens.

A call that records an event returns once the operating system has the event. An invocation is therefore safe before the
first byte of its request leaves. Killing the harness at any moment loses completions at most: some operations become
indefinite, but the history knows every record that was ever sent.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from .. import s2
from ..client import outcome as outcomes
from ..workload import Invocation, Strike
from . import events
from .digest import digests
from .kinds import ANSWERED, INVOKED


class Recorder:
    """The writer of one run's journal.

    ``clock`` returns nanoseconds since the start of the run and never decreases. Every call that writes raises OSError
    if the file cannot be written, and so does the constructor if the file already exists. After a failed write the
    recorder writes nothing more, so only the last line can be incomplete, and the run must stop.
    """

    def __init__(self, path: Path, header: events.Header, clock: Callable[[], int]) -> None:
        self.path = path
        self._clock = clock
        self._encode = msgspec.json.Encoder().encode
        self._file = self._open(path)
        self._streams = {stream.name for stream in header.streams}
        self._broken: OSError | None = None
        self._next = 0
        self._sent: set[int] = set()
        self._write(header)

    def invoke(self, invocation: Invocation, process: int, session: int | None = None) -> int:
        """Record an invocation and return the id of its operation. Call this before sending anything.

        ``session`` is the number, unique in the history, of the append session that a batch belongs to or of the read
        session that a read opens. Raises ValueError for a stream that the header does not list, since readers reject
        such a history.
        """
        if invocation.stream not in self._streams:
            raise ValueError(
                f"the stream {invocation.stream!r} is none of this run's: {', '.join(sorted(self._streams))}"
            )
        op = self._new()
        invoked = _invoked(op, self._clock(), process, invocation, session)
        self._write(invoked)
        if isinstance(invoked, events.AppendInvoked):
            self._sent.update(invoked.digests)
        return op

    def complete(self, op: int, outcome: outcomes.Outcome[s2.Answer]) -> int:
        """Record the outcome of an operation and return its recorded time (ns)."""
        time = self._clock()
        match outcome:
            case outcomes.Ok(value):
                self._write(self._answered(op, time, value))
            case outcomes.Definite(code, status, body):
                self._write(events.Failed(op, time, code, status, dict(body)))
            case outcomes.Indefinite(reason, status, body):
                self._write(events.Indefinite(op, time, reason, status, dict(body)))
        return time

    def frames(self, op: int, read: s2.Read) -> Frames:
        """Return a recorder for the parts of the answer to the read session ``op``."""
        return Frames(self, op, read)

    def frame(self, of: int, time: int, part: s2.Batch) -> None:
        """Record a part of the answer to the read ``of``. It arrived at ``time`` (ns) and was not the last part."""
        self._write(events.Frame(op=self._new(), of=of, time=time, **self._parts(part)))

    def now(self) -> int:
        """Return the time (ns) that an event recorded now would have."""
        return self._clock()

    def fault(self, name: str, phase: str, detail: str = "") -> None:
        """Record that a fault was started (``start``) or healed (``heal``), or that either failed (``failure``)."""
        self._write(events.Fault(self._clock(), name, phase, detail))

    def remark(self, kind: str, text: str) -> None:
        """Record any other event of the run as text."""
        self._write(events.Remark(self._clock(), kind, text))

    def close(self) -> None:
        """Write the end mark and make the file durable. Idempotent."""
        if self._file < 0:
            return
        try:
            self._write(events.End(self._clock()))
            os.fsync(self._file)
        finally:
            os.close(self._file)
            self._file = -1

    def _answered(self, op: int, time: int, answer: s2.Answer) -> events.Completed:
        match answer:
            case s2.Ack(start, end, tail):
                return events.Acked(op, time, _pair(start), _pair(end), _pair(tail))
            case s2.Batch():
                return events.BatchRead(op=op, time=time, **self._parts(answer))
            case _:
                return ANSWERED[type(answer)](op, time, _pair(answer.tail))

    def _parts(self, answer: s2.Batch) -> dict[str, Any]:
        """Return the fields of an event that describe the records and the tail of an answer."""
        records = answer.records
        contents = digests(records)
        unknown = [index for index, content in enumerate(contents) if content not in self._sent]
        fences, trims = _commands(records)
        return {
            "seq_nums": [record.seq_num for record in records],
            "timestamps": [record.timestamp for record in records],
            "digests": contents,
            "sizes": list(map(s2.metered_size, records)),
            "fences": fences,
            "trims": trims,
            "contents": {index: _content(records[index]) for index in unknown} if unknown else None,
            "tail": None if answer.tail is None else _pair(answer.tail),
        }

    def _new(self) -> int:
        op, self._next = self._next, self._next + 1
        return op

    def _open(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)

    def _write(self, event: msgspec.Struct) -> None:
        if self._broken is not None:
            raise self._broken
        line = memoryview(self._encode(event) + b"\n")
        try:
            while line:
                line = line[os.write(self._file, line) :]
        except OSError as error:
            self._broken = OSError(error.errno, error.strerror, str(self.path))
            raise self._broken from error


class CutOff(Exception):
    """A read session has returned as many records as it may before it is broken off."""


class Frames:
    """The recorder of the answer to one read session, part by part.

    It keeps the last part for the completion of the read. ``reached`` is the seq_num after the last record that has
    arrived so far, or None before the first. After ``cut`` records, if it is not None, the session is broken off.
    """

    def __init__(self, recorder: Recorder, op: int, read: s2.Read) -> None:
        self._recorder = recorder
        self._op = op
        self._held: tuple[int, s2.Batch] | None = None
        # A read that does not follow ends at its bounds or at the tail, and its last part proves which. The completion
        # must carry that part, so each part is held back until the next one shows that it was not the last.
        self._follows = bool(read.wait) or (read.count, read.bytes, read.until) == (None, None, None)
        self.reached: int | None = None
        self.cut: int | None = None
        self._records = 0

    def add(self, part: s2.Batch) -> None:
        """Take a part that has just arrived. Raise CutOff if the session is to be broken off now."""
        if part.records:
            self.reached = part.records[-1].seq_num + 1
        self._release()
        self._held = self._recorder.now(), part
        self._records += len(part.records)
        is_cut = self.cut is not None and self._records >= self.cut
        if self._follows or is_cut:
            self._release()
        if is_cut:
            raise CutOff(f"the harness broke the session off after {self._records} records")

    def conclude(self, outcome: outcomes.Outcome[None]) -> outcomes.Outcome[s2.Answer]:
        """Return the outcome to record as the completion of the read: an Ok holds the last part of the answer."""
        if not isinstance(outcome, outcomes.Ok):
            self._release()
            return outcome
        return outcomes.Ok(self._held[1] if self._held else s2.Batch(()))

    def _release(self) -> None:
        if self._held is not None:
            self._recorder.frame(self._op, *self._held)
            self._held = None


def _invoked(op: int, time: int, process: int, invocation: Invocation, session: int | None) -> events.Invoked:
    stream, call, thread = invocation.stream, invocation.call, invocation.thread
    purpose, intended = invocation.purpose, invocation.time
    if isinstance(call, s2.Append):
        records = call.records
        fences, trims = _commands(records)
        timestamps = [record.timestamp for record in records]
        return events.AppendInvoked(
            op=op,
            time=time,
            process=process,
            stream=stream,
            digests=digests(records),
            sizes=list(map(s2.metered_size, records)),
            match_seq_num=call.match_seq_num,
            fencing_token=call.fencing_token,
            timestamps=None if timestamps.count(None) == len(timestamps) else timestamps,
            fences=fences,
            trims=trims,
            thread=thread,
            purpose=purpose,
            intended=intended,
            session=session,
        )
    if isinstance(call, Strike):
        raise TypeError(f"a strike is no operation on a stream: {invocation}")
    own = msgspec.structs.asdict(call)
    if session is not None:
        own["session"] = session
    return INVOKED[type(call)](
        op=op, time=time, process=process, stream=stream, thread=thread, purpose=purpose, intended=intended, **own
    )


def _pair(position: s2.Position) -> tuple[int, int]:
    return position.seq_num, position.timestamp


def _commands(
    records: Sequence[s2.Record | s2.SequencedRecord],
) -> tuple[dict[int, str] | None, dict[int, int] | None]:
    """Return the tokens of the fences and the seq_nums of the trims among the records, each by record index."""
    fences: dict[int, str] = {}
    trims: dict[int, int] = {}
    for index, record in enumerate(records):
        if not record.headers:
            continue
        try:
            command = s2.command_of(record)
        except s2.MalformedCommand:
            continue  # services refuse it, so one that a read returns was never sent, and its content is kept
        if isinstance(command, s2.Fence):
            fences[index] = command.token
        elif command is not None:
            trims[index] = command.seq_num
    return fences or None, trims or None


def _content(record: s2.SequencedRecord) -> events.Content:
    def encode(data: bytes) -> str:
        return base64.b64encode(data).decode()

    return events.Content([(encode(name), encode(value)) for name, value in record.headers], encode(record.body))
