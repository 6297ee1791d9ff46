"""Writes a history while it happens.

An event has been handed to the operating system when the call that records it returns: an invocation thus
reaches it before the first byte of its request does, and killing the harness at any moment can cost nothing but
completions, which makes operations indefinite but never makes records that nobody sent.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from .. import s2
from ..client import outcome as outcomes
from ..workload import Invocation
from . import events
from .digest import digest


class Recorder:
    """The journal of one run.

    ``clock`` gives nanoseconds since the start of the run and never decreases. Raises OSError where the file
    exists already or cannot be written; a run must then stop, and nothing more is written, so that at most the
    last line is cut.
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

    def invoke(self, invocation: Invocation, process: int) -> int:
        """Record an invocation; the id of the operation. Call this before anything is sent.

        Raises ValueError for a stream that is not in the header: no reader would take it.
        """
        if invocation.stream not in self._streams:
            raise ValueError(f"the stream {invocation.stream!r} is none of this run's: {sorted(self._streams)}")
        op, self._next = self._next, self._next + 1
        invoked = _invoked(op, self._clock(), process, invocation)
        self._write(invoked)
        if isinstance(invoked, events.AppendInvoked):
            self._sent.update(invoked.digests)
        return op

    def complete(self, op: int, outcome: outcomes.Outcome[s2.Answer]) -> int:
        """Record how an operation ended; the time (ns) that was written."""
        time = self._clock()
        match outcome:
            case outcomes.Ok(value):
                self._write(self._answered(op, time, value))
            case outcomes.Definite(code, status, body):
                self._write(events.Failed(op, time, code, status, dict(body)))
            case outcomes.Indefinite(reason, status, body):
                self._write(events.Indefinite(op, time, reason, status, dict(body)))
        return time

    def fault(self, name: str, phase: str, detail: str = "") -> None:
        """Record that a fault was started (``start``), healed (``heal``) or could not be (``failure``)."""
        self._write(events.Fault(self._clock(), name, phase, detail))

    def remark(self, kind: str, text: str) -> None:
        """Record anything else that happened to the run."""
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
            case s2.Tail(tail):
                return events.TailRead(op, time, _pair(tail))
            case s2.Batch(records, following):
                return self._batch(op, time, records, following)

    def _batch(
        self, op: int, time: int, records: Sequence[s2.SequencedRecord], tail: s2.Position | None
    ) -> events.BatchRead:
        digests = list(map(digest, records))
        fences, trims = _commands(records)
        return events.BatchRead(
            op=op,
            time=time,
            seq_nums=[record.seq_num for record in records],
            timestamps=[record.timestamp for record in records],
            digests=digests,
            sizes=list(map(s2.metered_size, records)),
            fences=fences,
            trims=trims,
            contents={
                index: _content(record)
                for index, (record, content) in enumerate(zip(records, digests, strict=True))
                if content not in self._sent
            }
            or None,
            tail=None if tail is None else _pair(tail),
        )

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


def _invoked(op: int, time: int, process: int, invocation: Invocation) -> events.Invoked:
    stream, thread, purpose, intended = invocation.stream, invocation.thread, invocation.purpose, invocation.time
    match invocation.call:
        case s2.Append(records, match_seq_num, fencing_token):
            fences, trims = _commands(records)
            given = any(record.timestamp is not None for record in records)
            return events.AppendInvoked(
                op=op,
                time=time,
                process=process,
                stream=stream,
                digests=list(map(digest, records)),
                sizes=list(map(s2.metered_size, records)),
                match_seq_num=match_seq_num,
                fencing_token=fencing_token,
                timestamps=[record.timestamp for record in records] if given else None,
                fences=fences,
                trims=trims,
                thread=thread,
                purpose=purpose,
                intended=intended,
            )
        case s2.Read() as read:
            return events.ReadInvoked(
                op=op,
                time=time,
                process=process,
                stream=stream,
                seq_num=read.seq_num,
                timestamp=read.timestamp,
                tail_offset=read.tail_offset,
                clamp=read.clamp,
                count=read.count,
                bytes=read.bytes,
                until=read.until,
                wait=read.wait,
                thread=thread,
                purpose=purpose,
                intended=intended,
            )
        case s2.CheckTail():
            return events.CheckTailInvoked(
                op=op, time=time, process=process, stream=stream, thread=thread, purpose=purpose, intended=intended
            )


def _pair(position: s2.Position) -> tuple[int, int]:
    return position.seq_num, position.timestamp


def _commands(
    records: Sequence[s2.Record | s2.SequencedRecord],
) -> tuple[dict[int, str] | None, dict[int, int] | None]:
    """Return what the fences and the trims among the records say, each by its index."""
    fences: dict[int, str] = {}
    trims: dict[int, int] = {}
    for index, record in enumerate(records):
        try:
            command = s2.command_of(record)
        except s2.MalformedCommand:
            continue  # no service accepts it; where one returns it, nobody sent it and its content is kept
        match command:
            case s2.Fence(token):
                fences[index] = token
            case s2.Trim(seq_num):
                trims[index] = seq_num
    return fences or None, trims or None


def _content(record: s2.SequencedRecord) -> events.Content:
    def encode(data: bytes) -> str:
        return base64.b64encode(data).decode()

    return events.Content([(encode(name), encode(value)) for name, value in record.headers], encode(record.body))
