"""Writes a history of one stream in s2-porcupine's format, and says what is lost.

Lines stand in the order of time; at one instant, starts stand before finishes, because intervals are closed. Appends
of unknown outcome finish last, as the collector has it.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from ...failure import UsageFailure
from ..history import FOREVER, NONE, History, Int64s
from ..losses import Losses
from .beginning import beginning
from .described import COLLECTOR
from .lines import Append, AtTail, Event, Line, Success
from .translation import Translated, Translation


def stream_to_write(history: History, name: str | None) -> int:
    """Return the index of the stream of that name, or of the only one with operations. Raises UsageFailure."""
    names = [stream.name for stream in history.header.streams]
    if name is not None:
        if name not in names:
            raise UsageFailure(f"no stream is called {name!r}; there are: {', '.join(map(repr, names))}")
        return names.index(name)
    used: list[int] = sorted(set(history.stream.tolist())) or [0]
    if len(used) > 1:
        there = ", ".join(repr(names[index]) for index in used)
        raise UsageFailure(f"s2-porcupine's format holds one stream, this history {len(used)}; name one of {there}")
    return used[0]


def written(history: History, stream: int, losses: Losses) -> Iterator[bytes]:
    """Yield the lines of one stream (an index into the header's); add what is lost to ``losses``."""
    if not history.header.streams:
        return
    rows = np.flatnonzero(history.stream == stream)
    losses.add("an operation on another stream: left out", len(history) - len(rows))
    losses.add("a fault or a remark", len(history.faults) + len(history.remarks))
    losses.add("that others may delete the stream", int(history.header.others_may_delete))
    losses.add("the age at which records may vanish", int(history.header.retention_ms is not None))
    begins = beginning(history, rows, history.header.streams[stream], losses)
    translate = Translation(history, rows, losses, begins.known, history.header.streams[stream].tail)
    translated = {row: one for row in rows.tolist() if (one := translate(row)) is not None}
    encode = msgspec.json.Encoder().encode
    if begins.append is not None:
        op = int(np.setdiff1d(np.arange(len(history) + 1), history.id)[0])  # the least that is free
        told = Success(append=AtTail(begins.append.num_records))
        for event in (Event(start=Append(begins.append)), Event(finish=told)):
            yield encode(Line(event, COLLECTOR, op)) + b"\n"
    clients = _Clients(history, losses)
    for row, starts in _in_order(history, translated):
        one, op = translated[row], int(history.id[row])
        if starts:
            yield encode(Line(Event(start=one.start), clients.start(row), op)) + b"\n"
        else:
            yield encode(Line(Event(finish=one.finish), clients.finish(row, one), op)) + b"\n"


def _in_order(history: History, translated: dict[int, Translated]) -> Iterator[tuple[int, bool]]:
    """Yield each row twice: when it starts, and when it finishes."""
    rows: Int64s = np.array(list(translated), dtype=np.int64)
    ended = np.array([one.ended for one in translated.values()], dtype=np.int64)
    time = np.concatenate((history.invoked[rows], ended))
    finishes = np.repeat([False, True], len(rows))
    twice = np.concatenate((rows, rows))
    order = np.lexsort((twice, finishes, time))
    for row, finish in zip(twice[order].tolist(), finishes[order].tolist(), strict=True):
        yield row, not finish


class _Clients:
    """Gives every operation a client: one per process, as long as the process does one thing after another.

    A client whose operation is still running, or ended indefinitely, starts nothing more.
    """

    def __init__(self, history: History, losses: Losses) -> None:
        self._history = history
        self._losses = losses
        self._of_process: dict[int, int] = {}
        self._busy: set[int] = set()
        self._of_row: dict[int, int] = {}
        self._next = COLLECTOR + 1

    def start(self, row: int) -> int:
        """Return the client of an operation that starts."""
        process = int(self._history.process[row])
        client = self._of_process.get(process)
        if client is None or client in self._busy:
            if client is not None and self._history.session[row] == NONE:
                self._losses.add("an operation that began when its process's last one ended: their order")
            client, self._next = self._next, self._next + 1
            self._of_process[process] = client
        self._busy.add(client)
        self._of_row[row] = client
        return client

    def finish(self, row: int, one: Translated) -> int:
        """Return the client of an operation that finishes."""
        client = self._of_row.pop(row)
        if one.ended != FOREVER:
            self._busy.discard(client)
        return client
