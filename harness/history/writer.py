"""Writes a history as a journal, whose events give exactly the same columns when they are read again.

Columns do not hold everything. Lost are the bodies of failures (apart from the tail or token of a 412 or 416), the
bodies of indefinite ends, the timestamp of a follower's tail, and the time at which the recorder was closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from ..s2 import Position
from . import events
from .evidence import EVIDENCE
from .history import FOREVER, NONE, PARAMETERS, History, Int64s, Outcome
from .kinds import ROWS, Kind


def journal(history: History) -> Iterator[bytes]:
    """Yield the lines of the journal: header, events, and the end mark if the history is whole."""
    encode = msgspec.json.Encoder().encode
    yield encode(msgspec.structs.replace(history.header, schema=events.SCHEMA)) + b"\n"
    for event in told(history):
        yield encode(event) + b"\n"


def told(history: History) -> Iterator[events.Event]:
    """Return the events of the history in order of time, each after the events that it depends on.

    Invocations stand in the order of the rows. An answer comes before what was invoked at the same instant, unless its
    own operation was invoked then.
    """
    others: list[events.Event] = [*history.faults, *history.remarks]
    writing = _Rows(history)
    for moment in _in_order(history, others):
        row = moment.row
        if moment.kind == _OTHER:
            yield others[row]
        elif moment.kind == _INVOCATION:
            yield writing.invocation(row)
        elif history.part_of[row] != NONE:
            yield writing.frame(row)
        else:
            yield writing.completion(row)
    if history.whole:
        yield events.End(history.duration)


_INVOCATION, _ANSWER, _OTHER = range(3)


@dataclass(frozen=True, slots=True)
class _Moment:
    kind: int
    row: int


def _in_order(history: History, others: list[events.Event]) -> Iterator[_Moment]:
    """Yield kind and row (for ``others``: the index) of every event, in the order in which they are written."""
    rows = np.arange(len(history), dtype=np.int64)
    frame = history.part_of != NONE
    began = np.maximum.accumulate(history.invoked) if len(history) else history.invoked
    invoked, answered = rows[~frame], rows[history.ended != FOREVER]
    ended = np.maximum(history.ended[answered], began[answered])
    at_once = ended == began[answered]
    # Time; answers before invocations (phase 0, 1); among equals the rows' order (slot), a row's own events in theirs.
    answers = [ended, at_once.astype(np.int64), answered.copy(), 1 + (~frame[answered]).astype(np.int64)]
    _after_their_frames(history, answered, answers)
    times = np.array([event.time for event in others], dtype=np.int64)
    none = np.zeros(len(others), dtype=np.int64)
    columns = (
        (began[invoked], np.ones_like(invoked), invoked, np.zeros_like(invoked)),
        answers,
        (np.maximum.accumulate(times) if len(times) else times, none, none - 1, np.arange(len(others))),
    )
    time, phase, slot, place = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    kind = np.repeat([_INVOCATION, _ANSWER, _OTHER], [len(invoked), len(answered), len(others)])
    row = np.concatenate((invoked, answered, np.arange(len(others))))
    order = np.lexsort((place, slot, phase, time))
    for one, where in zip(kind[order].tolist(), row[order].tolist(), strict=True):
        yield _Moment(one, where)


def _after_their_frames(history: History, answered: Int64s, answers: list[Int64s]) -> None:
    """Move the end of a read that was answered in parts behind its last part."""
    place = np.full(len(history), NONE, dtype=np.int64)
    place[answered] = np.arange(len(answered))
    for frame in np.flatnonzero(history.part_of != NONE).tolist():
        one, other = int(place[history.part_of[frame]]), int(place[frame])
        if NONE in (one, other):
            continue
        mine, last = (tuple(int(column[at]) for column in answers) for at in (one, other))
        if mine < last:
            for column, value in zip(answers, (*last[:3], 2), strict=True):
                column[one] = value


class _Rows:
    """Turns rows back into events."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._streams = [stream.name for stream in history.header.streams]
        self._first_frame: dict[int, int] = {}
        for row in np.flatnonzero(history.part_of != NONE).tolist():
            read = int(history.part_of[row])
            before = self._first_frame.setdefault(read, row)
            if history.ended[row] < history.ended[before]:
                self._first_frame[read] = row

    def invocation(self, row: int) -> events.Invoked:
        history = self._history
        invoked, intended = int(history.invoked[row]), int(history.intended[row])
        common: dict[str, Any] = {
            "op": int(history.id[row]),
            "time": invoked,
            "process": int(history.process[row]),
            "stream": self._streams[int(history.stream[row])],
            "thread": _given(history.thread[row]),
            "purpose": history.purposes[int(history.purpose[row])],
            "intended": None if intended == invoked else intended,
        }
        kind = Kind(int(history.kind[row]))
        if kind not in (Kind.APPEND, Kind.READ):
            return ROWS[kind].invoked(**common)
        common["session"] = _given(history.session[row])
        return self._append(row, common) if kind is Kind.APPEND else self._read(row, common)

    def _append(self, row: int, common: dict[str, Any]) -> events.AppendInvoked:
        appends = self._history.appends
        part = slice(appends.offset[row], appends.offset[row + 1])
        return events.AppendInvoked(
            **common,
            digests=appends.digest[part].tolist(),
            sizes=appends.size[part].tolist(),
            match_seq_num=_given(appends.match_seq_num[row]),
            fencing_token=self._token(appends.token[row]),
            timestamps=appends.timestamps.get(row),
            fences=self._tokens(appends.fences.get(row)),
            trims=appends.trims.get(row),
        )

    def _read(self, row: int, common: dict[str, Any]) -> events.ReadInvoked:
        reads = self._history.reads
        # The row of a read that was answered in parts has the parameters of the rest; its first part has the whole's.
        whole = self._first_frame.get(row, row)
        given: dict[str, Any] = {name: _given(getattr(reads, column)[whole]) for name, column in PARAMETERS.items()}
        given |= {"clamp": bool(reads.clamp[whole]), "wait": _given(reads.wait[row])}
        return events.ReadInvoked(**common, **given)

    def frame(self, row: int) -> events.Frame:
        history = self._history
        return events.Frame(of=int(history.id[history.part_of[row]]), **self._answer(row))

    def completion(self, row: int) -> events.Completed:
        history = self._history
        op, time, outcome = int(history.id[row]), int(history.ended[row]), history.outcome[row]
        if outcome != Outcome.OK:
            code, status = int(history.code[row]), _given(history.status[row])
            text = "" if code == NONE else history.codes[code]
            if outcome == Outcome.INDEFINITE:
                return events.Indefinite(op, time, text, status)
            return events.Failed(op, time, text, status, self._body(row))
        appends, reads = history.appends, history.reads
        if history.kind[row] == Kind.APPEND:
            return events.Acked(
                op,
                time,
                _pair(appends.start[row], appends.start_timestamp[row]),
                _pair(appends.end[row], appends.end_timestamp[row]),
                _pair(appends.tail[row], appends.tail_timestamp[row]),
            )
        if history.kind[row] == Kind.READ and not reads.hashed[row]:
            return events.BatchRead(**self._answer(row))
        tail = _pair(history.observed_tail[row], history.observed_tail_timestamp[row])
        if history.kind[row] == Kind.READ:
            return events.WholeRead(op, time, tail, int(reads.stream_hash[row]))
        return ROWS[Kind(int(history.kind[row]))].answers[0](op, time, tail)

    def _answer(self, row: int) -> dict[str, Any]:
        history, reads = self._history, self._history.reads
        part, tail = slice(reads.offset[row], reads.offset[row + 1]), _given(reads.tail[row])
        return {
            "op": int(history.id[row]),
            "time": int(history.ended[row]),
            "seq_nums": reads.seq_num[part].tolist(),
            "timestamps": reads.timestamp[part].tolist(),
            "digests": reads.digest[part].tolist(),
            "sizes": reads.size[part].tolist(),
            "fences": self._tokens(reads.fences.get(row)),
            "trims": reads.trims.get(row),
            "contents": reads.contents.get(row),
            "tail": None if tail is None else (tail, None),
        }

    def _body(self, row: int) -> dict[str, Any]:
        history = self._history
        for one in EVIDENCE:
            value = one.of(history, row)
            if value is not None and one.row.holds is Position:
                timestamp = int(history.observed_tail_timestamp[row])
                return {one.row.member: {"seq_num": value, "timestamp": timestamp}}
            if value is not None:
                return {one.row.member: value}
        return {}

    def _token(self, index: Any) -> str | None:
        return None if index == NONE else self._history.tokens[int(index)]

    def _tokens(self, fences: dict[int, int] | None) -> dict[int, str] | None:
        return None if fences is None else {index: self._history.tokens[token] for index, token in fences.items()}


def _given(value: Any) -> int | None:
    return None if value == NONE else int(value)


def _pair(seq_num: Any, timestamp: Any) -> events.Pair:
    return int(seq_num), _given(timestamp)
