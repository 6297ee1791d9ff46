"""The tables that a history's columns are made of: request and answer, row by row.

Callers decide which row an event belongs to, and whether it may stand where it stands: :class:`.builder.Builder` does
so for one event at a time, :mod:`.compiled` for many lines at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from . import events
from .columns import Interned, Ragged, Table
from .history import BEYOND, NONE, Appends, History, Int64s, Kind, Reads, UInt8s
from .parts import Parameters, Parts, of_whole

KINDS = {
    events.AppendInvoked: Kind.APPEND,
    events.ReadInvoked: Kind.READ,
    events.CheckTailInvoked: Kind.CHECK_TAIL,
}

LARGEST = 2**64 - 1
"""Digests are of 64 bits, and so are a service's positions."""


class InconsistentEvent(Exception):
    """An event contradicts itself or those before it. The text says how, and ``field`` names the field at fault."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


class Tables:
    """Collects the rows of one history. Rows may come in any order, each once.

    Methods that take an event raise :class:`InconsistentEvent` if it contradicts the header or itself, and
    OverflowError for a number beyond the bounds that :func:`.builder.too_large` names.
    """

    def __init__(self, header: events.Header) -> None:
        self.header = header
        self.streams = {stream.name: index for index, stream in enumerate(header.streams)}
        self.tokens = Interned("")
        self.codes = Interned()
        self.purposes = Interned("")
        self.operations = Table(
            id="q", process="i", thread="i", stream="i", kind="B", invoked="q", intended="q", purpose="i", session="q"
        )
        self.part_of = Table(part_of="q")
        self.errors = Table(status="i", code="i")
        self.observed = Table(observed_tail="q", observed_tail_timestamp="q")
        self.seq_num_mismatches = Table(seq_num_mismatch="q")
        self.token_mismatches = Table(token_mismatch="i")
        self.appends = Table(match_seq_num="q", token="i", last_fence="i")
        self.acks = Table(start="q", start_timestamp="q", end="q", end_timestamp="q", tail="q", tail_timestamp="q")
        self.reads = Table(
            from_seq_num="q", from_timestamp="q", tail_offset="q", clamp="b", count="q", bytes="q", until="q", wait="q"
        )
        self.batch_tails = Table(tail="q")
        self.hashes = Table(stream_hash="Q")
        self.appended = Ragged(digest="Q", size="i")
        self.returned = Ragged(seq_num="q", timestamp="q", digest="Q", size="i")
        self.faults: list[events.Fault] = []
        self.remarks: list[events.Remark] = []
        self._rests: dict[int, Parameters] = {}
        self.fences: dict[int, dict[int, int]] = {}
        self._trims: dict[int, dict[int, int]] = {}
        self._timestamps: dict[int, list[int | None]] = {}
        self.read_fences: dict[int, dict[int, int]] = {}
        self._read_trims: dict[int, dict[int, int]] = {}
        self._read_contents: dict[int, dict[int, events.Content]] = {}

    def ask(self, row: int, event: events.Invoked) -> None:
        """Enter an invocation as this row."""
        stream = self.streams.get(event.stream)
        if stream is None:
            raise InconsistentEvent("stream", f"the stream {event.stream!r} is not declared in the header")
        kind, session = KINDS[type(event)], None
        if not isinstance(event, events.CheckTailInvoked) and event.session is not None:
            session = event.session
            self.since(2, "session", "a session")
        self.operations.add(
            row,
            event.op,
            event.process,
            NONE if event.thread is None else event.thread,
            stream,
            kind,
            event.time,
            event.time if event.intended is None else event.intended,
            self.purposes(event.purpose) if event.purpose else 0,
            NONE if session is None else session,
        )
        if isinstance(event, events.AppendInvoked):
            self._append(row, event)
        elif isinstance(event, events.ReadInvoked):
            self._read(row, of_whole(event))

    def answer(self, row: int, event: events.Completed) -> None:
        """Enter how the row ended. The answer must be of the row's kind."""
        _TELLERS[type(event)](self, row, event)

    def part(self, row: int, event: events.Frame, parts: Parts) -> None:
        """Enter a frame: this row is one part of the answer to the read of ``parts``, which goes on."""
        read = parts.read
        thread, session = (NONE if given is None else given for given in (read.thread, read.session))
        stream, purpose = self.streams[read.stream], self.purposes(read.purpose)
        intended = read.time if read.intended is None else read.intended
        self.operations.add(
            row, event.op, read.process, thread, stream, Kind.READ, read.time, intended, purpose, session
        )
        self.part_of.add(row, parts.row)
        self._read(row, parts.of_part)
        self._batch(row, event)
        parts.add(event)
        self._rests[parts.row] = parts.of_rest

    def since(self, version: int, field: str, what: str) -> None:
        """Raise :class:`InconsistentEvent` if the header's version is older than what the journal holds."""
        if self.header.schema < version:
            raise InconsistentEvent(
                field, f"the header says version {self.header.schema}, but {what} is of version {version}"
            )

    def build(self, outcome: UInt8s, ended: Int64s, returned: Int64s, whole: bool, warnings: list[str]) -> History:
        """Return the history of all rows, in their order. Columns have shape (n,)."""
        rows = len(outcome)
        appends: dict[str, Any] = self.appends.dense(rows) | self.acks.dense(rows)
        return History(
            header=self.header,
            **self.operations.dense(rows),
            **self.part_of.dense(rows),
            outcome=outcome,
            ended=ended,
            returned=returned,
            **self.errors.dense(rows),
            **self.observed.dense(rows),
            **self.seq_num_mismatches.dense(rows),
            **self.token_mismatches.dense(rows),
            appends=Appends(
                **appends,
                **self.appended.dense(rows),
                fences=dict(sorted(self.fences.items())),
                trims=self._trims,
                timestamps=self._timestamps,
            ),
            reads=self._build_reads(rows),
            tokens=self.tokens.values,
            codes=self.codes.values,
            purposes=self.purposes.values,
            faults=self.faults,
            remarks=self.remarks,
            whole=whole,
            warnings=warnings,
        )

    def _indefinite(self, row: int, event: events.Indefinite) -> None:
        self.errors.add(row, NONE if event.status is None else event.status, self.codes(event.reason))

    def _ack(self, row: int, event: events.Acked) -> None:
        self.acks.add(row, *map(_position, (*event.start, *event.end, *event.tail)))

    def _tail(self, row: int, event: events.TailRead) -> None:
        self.observed.add(row, *map(_position, event.tail))

    def _whole(self, row: int, event: events.WholeRead) -> None:
        self.since(2, "type", "a read of the whole stream")
        if event.stream_hash > LARGEST:
            raise InconsistentEvent("stream_hash", "a hash is beyond 2⁶⁴")
        self.observed.add(row, *map(_position, event.tail))
        self.hashes.add(row, event.stream_hash)

    def _append(self, row: int, event: events.AppendInvoked) -> None:
        number = len(event.digests)
        if len(event.sizes) != number:
            raise InconsistentEvent("sizes", f"{number} digests, but {len(event.sizes)} sizes")
        last = NONE
        if event.fences:
            _check_indices("fences", event.fences, number)
            self.fences[row] = self._numbered(event.fences)
            last = self.fences[row][max(event.fences)]
        if event.trims:
            _check_indices("trims", event.trims, number)
            self._trims[row] = _capped(event.trims)
        if event.timestamps is not None:
            if len(event.timestamps) != number:
                raise InconsistentEvent("timestamps", f"{number} digests, but {len(event.timestamps)} timestamps")
            self._timestamps[row] = [None if given is None else _position(given) for given in event.timestamps]
        self.appended.add(row, event.digests, event.sizes)
        self.appends.add(row, _position(event.match_seq_num), self.tokens(event.fencing_token), last)

    def _read(self, row: int, parameters: Parameters) -> None:
        if max(parameters) > BEYOND:
            if max(parameters) > LARGEST:
                raise OverflowError
            self.reads.add(row, *(min(value, BEYOND) for value in parameters))
        else:
            self.reads.add(row, *parameters)

    def _fail(self, row: int, event: events.Failed) -> None:
        self.errors.add(row, NONE if event.status is None else event.status, self.codes(event.code))
        if event.status == 412 and "seq_num_mismatch" in event.body:
            self.seq_num_mismatches.add(row, _body_position(event.body, "seq_num_mismatch"))
        elif event.status == 412 and "fencing_token_mismatch" in event.body:
            token = event.body["fencing_token_mismatch"]
            if not isinstance(token, str):
                raise InconsistentEvent("body.fencing_token_mismatch", f"{token!r} is not a string")
            self.token_mismatches.add(row, self.tokens(token))
        elif event.status == 416 and "tail" in event.body:
            tail = event.body["tail"]
            if not isinstance(tail, dict):
                raise InconsistentEvent("body.tail", f"{tail!r} is not a position")
            self.observed.add(row, _body_position(tail, "seq_num"), _body_position(tail, "timestamp"))

    def _batch(self, row: int, event: events.BatchRead | events.Frame) -> None:
        number = len(event.seq_nums)
        for name in ("timestamps", "digests", "sizes"):
            if len(getattr(event, name)) != number:
                raise InconsistentEvent(name, f"{number} seq_nums, but {len(getattr(event, name))} {name}")
        if max(event.digests, default=0) > LARGEST:
            raise InconsistentEvent("digests", "a digest is beyond 2⁶⁴")
        for name in ("fences", "trims", "contents"):
            _check_indices(name, getattr(event, name) or {}, number)
        if event.tail is not None:
            self.batch_tails.add(row, _position(event.tail[0]))
        seq_nums, timestamps = _positions(event.seq_nums), _positions(event.timestamps)
        self.returned.add(row, seq_nums, timestamps, event.digests, event.sizes)
        if event.fences:
            self.read_fences[row] = self._numbered(event.fences)
        if event.trims:
            self._read_trims[row] = _capped(event.trims)
        if event.contents:
            self._read_contents[row] = event.contents

    def _build_reads(self, rows: int) -> Reads:
        columns: dict[str, Any] = self.reads.dense(rows) | self.batch_tails.dense(rows)
        columns["clamp"] = columns["clamp"] > 0
        for row, rest in self._rests.items():
            names = ("from_seq_num", "from_timestamp", "tail_offset", "clamp", "count", "bytes", "until", "wait")
            for name, value in zip(names, rest, strict=True):
                columns[name][row] = min(value, BEYOND)
        columns |= self.hashes.dense(rows, empty=0)
        columns["hashed"] = np.zeros(rows, dtype=np.bool_)
        columns["hashed"][self.hashes.rows] = True
        return Reads(
            **columns,
            **self.returned.dense(rows),
            fences=dict(sorted(self.read_fences.items())),
            trims=dict(sorted(self._read_trims.items())),
            contents=dict(sorted(self._read_contents.items())),
        )

    def _numbered(self, fences: dict[int, str]) -> dict[int, int]:
        return {index: self.tokens(token) for index, token in sorted(fences.items())}


_TELLERS: Final[dict[type, Callable[[Tables, int, Any], None]]] = {
    events.Indefinite: Tables._indefinite,
    events.Failed: Tables._fail,
    events.Acked: Tables._ack,
    events.TailRead: Tables._tail,
    events.WholeRead: Tables._whole,
    events.BatchRead: Tables._batch,
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


def _check_indices(field: str, indices: dict[int, Any], number: int) -> None:
    for index in indices:
        if not 0 <= index < number:
            raise InconsistentEvent(field, f"the index {index} is not one of {number} records")
