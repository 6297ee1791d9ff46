"""Where the records of one stream came from: the appends that are known to be in it, and the refused ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import FOREVER, NONE, History, Int64s, Kind, Outcome

from .bands import is_fenced
from .lanes import lanes
from .style import WRITERS, Look
from .text import token

Bools: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Placed:
    """Appends in stream order, with their positions ``[start, end)``. Arrays of shape (m,).

    ``found`` tells those that were never acknowledged, but whose first record a read returned. ``writer`` numbers
    the writers, and ``names`` has a name for each: tokens in the order in which they first wrote, else threads.
    """

    rows: Int64s
    start: Int64s
    end: Int64s
    found: Bools
    writer: Int64s
    names: list[str]
    by_token: bool

    def __len__(self) -> int:
        return len(self.rows)

    def tail_at(self, history: History, times: Int64s) -> Int64s:
        """The tail at each time (ns), as far as answers had told by then; the stream's first tail before any."""
        ended = np.minimum(history.ended[self.rows], history.duration)
        order = np.argsort(ended, kind="stable")
        highest = np.maximum.accumulate(self.end[order]) if len(self) else self.end
        index = np.searchsorted(ended[order], times, side="right")
        first = int(self.start[0]) if len(self) else 0
        return np.concatenate(([first], highest))[index]

    def part(self, start: int, stop: int) -> Placed:
        """A slice of it, with the same writers."""
        some = slice(start, stop)
        return Placed(
            self.rows[some],
            self.start[some],
            self.end[some],
            self.found[some],
            self.writer[some],
            self.names,
            self.by_token,
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """Appends that a 412 refused: rows, and the position of each (see :data:`~.style.TOKEN_MISMATCH`)."""

    by_position: Int64s
    reported: Int64s
    by_token: Int64s
    tail: Int64s


def placed(history: History, stream: int) -> Placed:
    """The appends of one stream (its index) whose place is known."""
    appends = history.appends
    ours = (history.stream == stream) & (history.kind == Kind.APPEND)
    acked = np.flatnonzero(ours & (appends.start != NONE))
    lost = np.flatnonzero(ours & (history.outcome == Outcome.INDEFINITE) & (np.diff(appends.offset) > 0))
    seen, at = _seen(history, stream, lost)
    rows = np.concatenate((acked, seen))
    start = np.concatenate((appends.start[acked], at))
    end = np.concatenate((appends.end[acked], at + (appends.offset[seen + 1] - appends.offset[seen])))
    found = np.repeat([False, True], [len(acked), len(seen)])
    order = np.argsort(start, kind="stable")
    writer, names, by_token = _writers(history, rows[order], stream)
    return Placed(rows[order], start[order], end[order], found[order], writer, names, by_token)


def _seen(history: History, stream: int, lost: Int64s) -> tuple[Int64s, Int64s]:
    """Those of the rows whose first record a read of the stream returned, and at which position."""
    reads = history.reads
    if not len(lost) or not len(reads.seq_num):
        return lost[:0], lost[:0]
    reader = np.repeat(np.arange(len(history)), np.diff(reads.offset))
    on_stream = history.stream[reader] == stream
    digests, first = np.unique(reads.digest[on_stream], return_index=True)
    if not len(digests):
        return lost[:0], lost[:0]
    wanted = history.appends.digest[history.appends.offset[lost]]
    index = np.minimum(np.searchsorted(digests, wanted), len(digests) - 1)
    hit = digests[index] == wanted
    return lost[hit], reads.seq_num[on_stream][first[index[hit]]]


def _writers(history: History, rows: Int64s, stream: int) -> tuple[Int64s, list[str], bool]:
    """Who wrote each: by the fencing token (set, or given) where clients fence the stream, else by thread."""
    if not is_fenced(history, stream):
        rows_of = lanes(history)
        names = [label if label == "closing" else f"{rows_of.noun} {label}" for label in rows_of.labels]
        return rows_of.of[rows], names, False
    appends = history.appends
    key = np.where(appends.last_fence[rows] != NONE, appends.last_fence[rows], appends.token[rows])
    values, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(values), dtype=np.int64)
    rank[order] = np.arange(len(values))
    tokens = [int(value) for value in values[order]]
    names = ["no token" if value == NONE else f"token {token(history.tokens[value])}" for value in tokens]
    return rank[inverse], names, True


def refused(history: History, stream: int, chain: Placed) -> Refused:
    """The refused appends of one stream."""
    ours = (history.stream == stream) & (history.kind == Kind.APPEND)
    by_position = np.flatnonzero(ours & (history.seq_num_mismatch != NONE))
    by_token = np.flatnonzero(ours & (history.token_mismatch != NONE))
    return Refused(
        by_position,
        history.seq_num_mismatch[by_position],
        by_token,
        chain.tail_at(history, history.ended[by_token]),
    )


def look_of(writer: int) -> Look:
    """The look of a writer by its number; they come round again."""
    return WRITERS[writer % len(WRITERS)]


def position_of(history: History, row: int, chain: Placed) -> int:
    """The position at which to draw any operation: what it wrote or saw, else the tail when it was invoked."""
    operation = history.operation(row)
    if operation.ack is not None:
        return operation.ack[0]
    at = np.flatnonzero(chain.rows == row)
    if len(at):
        return int(chain.start[at[0]])
    for seen in (operation.seq_num_mismatch, operation.observed_tail):
        if seen is not None:
            return seen
    if operation.kind is Kind.READ and operation.seq_nums:
        return operation.seq_nums[-1] + 1
    return int(chain.tail_at(history, np.array([min(int(history.invoked[row]), FOREVER)]))[0])
