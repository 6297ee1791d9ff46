"""Turns events into columns."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np

from . import events
from .columns import Interned, Ragged, Table, as_array
from .history import BEYOND, FOREVER, NONE, Appends, History, Kind, Outcome, Reads
from .parts import Parameters, Parts
from .selection import select

_KINDS = {
    events.AppendInvoked: Kind.APPEND,
    events.ReadInvoked: Kind.READ,
    events.CheckTailInvoked: Kind.CHECK_TAIL,
}
_ANSWERS = {
    events.Acked: (Kind.APPEND, "ack"),
    events.BatchRead: (Kind.READ, "batch"),
    events.WholeRead: (Kind.READ, "whole"),
    events.TailRead: (Kind.CHECK_TAIL, "tail"),
}

_LARGEST = 2**64 - 1
"""Digests are of 64 bits, and so are a service's positions."""

_OWN = frozenset({"op", "of", "time", "intended"})
"""Fields whose numbers are the recorder's own and lie in columns as they are."""


class InconsistentEvent(Exception):
    """An event contradicts those before it; the text says how. ``field`` names the culprit."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


class Builder:
    """Takes the events of a history in order and gives its columns.

    :meth:`add` raises :class:`InconsistentEvent` for a duplicate operation id, a return without a call, a second
    return, an answer of the wrong kind, an unknown stream, a return before its call, an invocation before the one
    that stands before it, a frame of no open read, an event of a later version than the header's, or anything after
    the end; and OverflowError for a number beyond the bounds that :func:`too_large` names.
    """

    def __init__(self, header: events.Header) -> None:
        self._header = header
        self._streams = {stream.name: index for index, stream in enumerate(header.streams)}
        self._tokens = Interned("")
        self._codes = Interned()
        self._purposes = Interned("")
        self._rows: dict[int, int] = {}
        self._last = (0, NONE)
        self._operations = Table(
            id="q", process="i", thread="i", stream="i", kind="B", invoked="q", intended="q", purpose="i", session="q"
        )
        self._part_of = Table(part_of="q")
        self._kinds = array("B")
        self._invoked = array("q")
        self._outcomes = array("B")
        self._ended = array("q")
        self._returned = array("q")
        self._errors = Table(status="i", code="i")
        self._observed = Table(observed_tail="q", observed_tail_timestamp="q")
        self._seq_num_mismatches = Table(seq_num_mismatch="q")
        self._token_mismatches = Table(token_mismatch="i")
        self._appends = Table(match_seq_num="q", token="i", last_fence="i")
        self._acks = Table(start="q", start_timestamp="q", end="q", end_timestamp="q", tail="q", tail_timestamp="q")
        self._reads = Table(
            from_seq_num="q", from_timestamp="q", tail_offset="q", clamp="b", count="q", bytes="q", until="q", wait="q"
        )
        self._batch_tails = Table(tail="q")
        self._hashes = Table(stream_hash="Q")
        self._open: dict[int, Parts] = {}
        self._rests: dict[int, Parameters] = {}
        self._appended = Ragged(digest="Q", size="i")
        self._returned_records = Ragged(seq_num="q", timestamp="q", digest="Q", size="i")
        self._fences: dict[int, dict[int, int]] = {}
        self._trims: dict[int, dict[int, int]] = {}
        self._timestamps: dict[int, list[int | None]] = {}
        self._read_fences: dict[int, dict[int, int]] = {}
        self._read_trims: dict[int, dict[int, int]] = {}
        self._read_contents: dict[int, dict[int, events.Content]] = {}
        self._faults: list[events.Fault] = []
        self._remarks: list[events.Remark] = []
        self._whole = False

    def add(self, event: events.Event) -> None:
        """Take the next event."""
        if not 0 <= event.time < FOREVER:
            raise InconsistentEvent("time", f"the time {event.time} is not between 0 and 2⁶³ ns")
        if self._whole:
            raise InconsistentEvent("type", "nothing may follow the end; were two histories put into one file?")
        if isinstance(event, events.AppendInvoked | events.ReadInvoked | events.CheckTailInvoked):
            self._invoke(event)
        elif isinstance(event, events.Fault):
            self._faults.append(event)
        elif isinstance(event, events.Remark):
            self._remarks.append(event)
        elif isinstance(event, events.End):
            self._whole = True
        elif isinstance(event, events.Frame):
            self._frame(event)
        else:
            self._complete(event)

    def build(self, warnings: list[str] | None = None) -> History:
        """The history of the events so far."""
        rows = len(self._rows)
        appends: dict[str, Any] = self._appends.dense(rows) | self._acks.dense(rows)
        history = History(
            header=self._header,
            **self._operations.dense(rows),
            **self._part_of.dense(rows),
            outcome=as_array(self._outcomes),
            ended=as_array(self._ended),
            returned=as_array(self._returned),
            **self._errors.dense(rows),
            **self._observed.dense(rows),
            **self._seq_num_mismatches.dense(rows),
            **self._token_mismatches.dense(rows),
            appends=Appends(
                **appends,
                **self._appended.dense(rows),
                fences=self._fences,
                trims=self._trims,
                timestamps=self._timestamps,
            ),
            reads=self._build_reads(rows),
            tokens=self._tokens.values,
            codes=self._codes.values,
            purposes=self._purposes.values,
            faults=self._faults,
            remarks=self._remarks,
            whole=self._whole,
            warnings=warnings or [],
        )
        # A frame came later than its read was invoked.
        return select(history, np.argsort(history.invoked, kind="stable")) if len(self._part_of) else history

    def _new(self, op: int) -> int:
        row = len(self._rows)
        if self._rows.setdefault(op, row) != row:
            raise InconsistentEvent("op", f"operation {op} was invoked before")
        return row

    def _invoke(self, event: events.Invoked) -> None:
        before, last = self._last
        if event.time < before:
            raise InconsistentEvent(
                "time",
                f"operation {event.op} was invoked at {event.time} ns, but operation {last}, which stands before it, "
                f"at {before} ns; invocations stand in the order of their times",
            )
        row = self._new(event.op)
        self._last = event.time, event.op
        stream = self._streams.get(event.stream)
        if stream is None:
            raise InconsistentEvent("stream", f"the stream {event.stream!r} is not declared in the header")
        kind = _KINDS[type(event)]
        session = None if isinstance(event, events.CheckTailInvoked) else event.session
        if session is not None:
            self._since(2, "session", "a session")
        self._operations.add(
            row,
            event.op,
            event.process,
            NONE if event.thread is None else event.thread,
            stream,
            kind,
            event.time,
            event.time if event.intended is None else event.intended,
            self._purposes(event.purpose),
            NONE if session is None else session,
        )
        self._kinds.append(kind)
        self._invoked.append(event.time)
        self._outcomes.append(Outcome.INDEFINITE)
        self._ended.append(FOREVER)
        self._returned.append(FOREVER)
        if isinstance(event, events.AppendInvoked):
            self._append(row, event)
        elif isinstance(event, events.ReadInvoked):
            self._open[row] = parts = Parts(row, event)
            if max(parts.of_rest) > _LARGEST:
                raise OverflowError
            self._read(row, parts.of_rest)

    def _since(self, version: int, field: str, what: str) -> None:
        """Raise where the header's version is older than what the journal holds."""
        if self._header.schema < version:
            raise InconsistentEvent(
                field, f"the header says version {self._header.schema}, but {what} is of version {version}"
            )

    def _frame(self, event: events.Frame) -> None:
        self._since(2, "type", "a frame")
        parts = self._open.get(self._rows.get(event.of, NONE))
        if parts is None:
            raise InconsistentEvent("of", f"operation {event.of} is no read that has yet to end")
        read = parts.read
        if event.time < read.time:
            raise InconsistentEvent("time", f"the frame {event.op} came before its read was invoked")
        row = self._new(event.op)
        thread, session = (NONE if given is None else given for given in (read.thread, read.session))
        stream, purpose = self._streams[read.stream], self._purposes(read.purpose)
        intended = read.time if read.intended is None else read.intended
        self._operations.add(
            row, event.op, read.process, thread, stream, Kind.READ, read.time, intended, purpose, session
        )
        self._part_of.add(row, parts.row)
        self._kinds.append(Kind.READ)
        self._invoked.append(read.time)
        self._outcomes.append(Outcome.OK)
        self._ended.append(event.time)
        self._returned.append(event.time)
        self._read(row, parts.of_part)
        self._batch(row, event)
        parts.add(event)
        self._rests[parts.row] = parts.of_rest

    def _append(self, row: int, event: events.AppendInvoked) -> None:
        number = len(event.digests)
        if len(event.sizes) != number:
            raise InconsistentEvent("sizes", f"{number} digests, but {len(event.sizes)} sizes")
        last = NONE
        if event.fences:
            _check_indices("fences", event.fences, number)
            self._fences[row] = self._numbered(event.fences)
            last = self._fences[row][max(event.fences)]
        if event.trims:
            _check_indices("trims", event.trims, number)
            self._trims[row] = _capped(event.trims)
        if event.timestamps is not None:
            if len(event.timestamps) != number:
                raise InconsistentEvent("timestamps", f"{number} digests, but {len(event.timestamps)} timestamps")
            self._timestamps[row] = [None if given is None else _position(given) for given in event.timestamps]
        self._appended.add(row, event.digests, event.sizes)
        self._appends.add(row, _position(event.match_seq_num), self._tokens(event.fencing_token), last)

    def _read(self, row: int, parameters: Parameters) -> None:
        self._reads.add(row, *(min(value, BEYOND) for value in parameters))

    def _complete(self, event: events.Completed) -> None:
        row = self._rows.get(event.op)
        if row is None:
            raise InconsistentEvent("op", f"operation {event.op} returned but was never invoked")
        if self._ended[row] != FOREVER:
            raise InconsistentEvent("op", f"operation {event.op} returned before")
        if event.time < self._invoked[row]:
            raise InconsistentEvent("time", f"operation {event.op} returned before it was invoked")
        self._ended[row] = event.time
        self._open.pop(row, None)
        if isinstance(event, events.Indefinite):
            self._errors.add(row, NONE if event.status is None else event.status, self._codes(event.reason))
            return
        self._returned[row] = event.time
        if isinstance(event, events.Failed):
            self._outcomes[row] = Outcome.FAILED
            self._fail(row, event)
            return
        self._outcomes[row] = Outcome.OK
        wanted, answer = _ANSWERS[type(event)]
        if self._kinds[row] != wanted:
            raise InconsistentEvent("type", f"{Kind(self._kinds[row]).label} cannot be answered by {answer!r}")
        if isinstance(event, events.Acked):
            self._acks.add(row, *(_position(part) for pair in (event.start, event.end, event.tail) for part in pair))
        elif isinstance(event, events.WholeRead):
            self._since(2, "type", "a read of the whole stream")
            if event.stream_hash > _LARGEST:
                raise InconsistentEvent("stream_hash", "a hash is beyond 2⁶⁴")
            self._observed.add(row, _position(event.tail[0]), _position(event.tail[1]))
            self._hashes.add(row, event.stream_hash)
        elif isinstance(event, events.TailRead):
            self._observed.add(row, _position(event.tail[0]), _position(event.tail[1]))
        else:
            self._batch(row, event)

    def _fail(self, row: int, event: events.Failed) -> None:
        self._errors.add(row, NONE if event.status is None else event.status, self._codes(event.code))
        if event.status == 412 and "seq_num_mismatch" in event.body:
            self._seq_num_mismatches.add(row, _body_position(event.body, "seq_num_mismatch"))
        elif event.status == 412 and "fencing_token_mismatch" in event.body:
            token = event.body["fencing_token_mismatch"]
            if not isinstance(token, str):
                raise InconsistentEvent("body.fencing_token_mismatch", f"{token!r} is not a string")
            self._token_mismatches.add(row, self._tokens(token))
        elif event.status == 416 and "tail" in event.body:
            tail = event.body["tail"]
            if not isinstance(tail, dict):
                raise InconsistentEvent("body.tail", f"{tail!r} is not a position")
            self._observed.add(row, _body_position(tail, "seq_num"), _body_position(tail, "timestamp"))

    def _batch(self, row: int, event: events.BatchRead | events.Frame) -> None:
        number = len(event.seq_nums)
        for name in ("timestamps", "digests", "sizes"):
            if len(getattr(event, name)) != number:
                raise InconsistentEvent(name, f"{number} seq_nums, but {len(getattr(event, name))} {name}")
        if max(event.digests, default=0) > _LARGEST:
            raise InconsistentEvent("digests", "a digest is beyond 2⁶⁴")
        for name in ("fences", "trims", "contents"):
            _check_indices(name, getattr(event, name) or {}, number)
        if event.tail is not None:
            self._batch_tails.add(row, _position(event.tail[0]))
        seq_nums, timestamps = _positions(event.seq_nums), _positions(event.timestamps)
        self._returned_records.add(row, seq_nums, timestamps, event.digests, event.sizes)
        if event.fences:
            self._read_fences[row] = self._numbered(event.fences)
        if event.trims:
            self._read_trims[row] = _capped(event.trims)
        if event.contents:
            self._read_contents[row] = event.contents

    def _build_reads(self, rows: int) -> Reads:
        columns: dict[str, Any] = self._reads.dense(rows) | self._batch_tails.dense(rows)
        columns["clamp"] = columns["clamp"] > 0
        for row, rest in self._rests.items():
            names = ("from_seq_num", "from_timestamp", "tail_offset", "clamp", "count", "bytes", "until", "wait")
            for name, value in zip(names, rest, strict=True):
                columns[name][row] = min(value, BEYOND)
        columns |= self._hashes.dense(rows, empty=0)
        columns["hashed"] = np.zeros(rows, dtype=np.bool_)
        columns["hashed"][self._hashes.rows] = True
        return Reads(
            **columns,
            **self._returned_records.dense(rows),
            fences=dict(sorted(self._read_fences.items())),
            trims=dict(sorted(self._read_trims.items())),
            contents=dict(sorted(self._read_contents.items())),
        )

    def _numbered(self, fences: dict[int, str]) -> dict[int, int]:
        return {index: self._tokens(token) for index, token in sorted(fences.items())}


def _capped(trims: dict[int, int]) -> dict[int, int]:
    return {index: _position(seq_num) for index, seq_num in sorted(trims.items())}


def _position(value: int | None) -> int:
    if value is None:
        return NONE
    if value <= BEYOND:
        return value
    if value > _LARGEST:
        raise OverflowError
    return BEYOND


def _positions(values: list[int]) -> list[int]:
    return values if not values or max(values) <= BEYOND else [_position(value) for value in values]


def _body_position(body: dict[str, Any], name: str) -> int:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InconsistentEvent(f"body.{name}", f"{value!r} is not a position")
    if value > _LARGEST:
        raise InconsistentEvent(f"body.{name}", "a number is beyond 2⁶⁴")
    return _position(value)


def too_large(event: events.Event) -> tuple[str, str]:
    """The first field of an event that holds a number too large for it, and the bound that it passes."""
    for field in event.__struct_fields__:
        limit, text = (FOREVER, "2⁶³") if field in _OWN else (_LARGEST, "2⁶⁴")
        if _largest(getattr(event, field)) > limit:
            return field, text
    raise AssertionError(event)


def _largest(value: Any) -> int:
    if isinstance(value, list | tuple):
        return max(map(_largest, value), default=0)
    if isinstance(value, dict):
        return _largest(list(value.values()))
    return value if isinstance(value, int) else 0


def _check_indices(field: str, indices: dict[int, Any], number: int) -> None:
    for index in indices:
        if not 0 <= index < number:
            raise InconsistentEvent(field, f"the index {index} is not one of {number} records")
