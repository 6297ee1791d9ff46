"""Enters the deletion of a stream as an operation of the service itself.

Deleting a stream appends a terminal trim record (of 2⁶⁴ − 1) that followers may see. No client in the history sent it,
but it is not garbage either: the service appended it, at a time that nobody knows. So it is entered as an indefinite
append without conditions. A checker then knows that everything below it may be gone.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, Final

import numpy as np

from . import events
from .builder import Builder
from .history import BEYOND, Appends, History, Reads
from .selection import select

PURPOSE: Final = "deletion of the stream"
"""The purpose of such an operation, for people."""


def with_deletions(history: History) -> History:
    """Return the history with one more append for each terminal trim record that a read returned and nobody sent."""
    found = _terminal(history)
    if not found:
        return history
    builder = Builder(history.header)
    op, process = int(history.id.max()) + 1, int(history.process.max()) + 1
    for number, (stream, digest, size) in enumerate(found):
        name = history.header.streams[stream].name
        trims = {0: 2**64 - 1}
        builder.add(
            events.AppendInvoked(
                op=op + number,
                time=0,
                process=process + number,
                stream=name,
                digests=[digest],
                sizes=[size],
                trims=trims,
                purpose=PURPOSE,
            )
        )
    joined = _joined(history, builder.build())
    return select(joined, np.argsort(joined.invoked, kind="stable"))


def _terminal(history: History) -> list[tuple[int, int, int]]:
    """Return stream, digest and size of each terminal trim record that nobody sent."""
    reads, found = history.reads, dict[tuple[int, int], int]()
    for row, trims in reads.trims.items():
        for index, seq_num in trims.items():
            at = int(reads.offset[row]) + index
            if seq_num >= BEYOND:
                found.setdefault((int(history.stream[row]), int(reads.digest[at])), int(reads.size[at]))
    sent = set(np.intersect1d(history.appends.digest, [digest for _, digest in found]).tolist()) if found else set()
    return [(stream, digest, size) for (stream, digest), size in found.items() if digest not in sent]


def _joined(history: History, more: History) -> History:
    """Return the rows of both histories as one. The second names no token and no code, and one purpose of its own."""
    rows = len(history)
    columns: dict[str, Any] = {
        field.name: np.concatenate((getattr(history, field.name), getattr(more, field.name)))
        for field in fields(History)
        if isinstance(getattr(history, field.name), np.ndarray)
    }
    columns["purpose"][rows:] = len(history.purposes)
    return replace(
        history,
        **columns,
        purposes=[*history.purposes, PURPOSE],
        appends=_part(history.appends, more.appends, rows),
        reads=_part(history.reads, more.reads, rows),
    )


def _part(part: Any, more: Any, rows: int) -> Any:
    changed: dict[str, Any] = {}
    for field in fields(Appends if isinstance(part, Appends) else Reads):
        one, other = getattr(part, field.name), getattr(more, field.name)
        if isinstance(one, dict):
            changed[field.name] = one | {rows + row: value for row, value in other.items()}
        elif field.name == "offset":
            changed[field.name] = np.concatenate((one, other[1:] + one[-1]))
        else:
            changed[field.name] = np.concatenate((one, other))
    return replace(part, **changed)
