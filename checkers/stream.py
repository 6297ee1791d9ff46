"""One stream of a history: linearizability is local, so each stream is judged alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import NONE, History, Int64s, Kind, Outcome

UNKNOWN: Final = -2
"""Stands for a token that the history does not know."""

UNMENTIONED: Final = -3
"""Stands for a token that no operation of the history mentions."""


@dataclass(frozen=True, slots=True)
class Stream:
    """The rows of one stream, by kind and outcome, ascending.

    ``tail`` and ``token`` are its state before the first operation (``token`` an index into the history's
    tokens, or UNKNOWN, or UNMENTIONED). ``acked`` are appends that succeeded, ``floating`` those that may have
    taken effect, ``failed`` those that did not; ``reads`` are reads that were answered with a batch.
    """

    history: History
    index: int
    name: str
    tail: int
    token: int
    rows: Int64s
    acked: Int64s
    floating: Int64s
    failed: Int64s
    reads: Int64s

    @property
    def refused(self) -> Int64s:
        """Rows of appends that failed with status 412."""
        refused: Int64s = self.failed[self.history.status[self.failed] == 412]
        return refused


def among(history: History, rows: Int64s, chosen: Collection[int]) -> NDArray[np.bool_]:
    """Which of some rows (or of the rows of anything) are chosen ones."""
    if not chosen:
        return np.zeros(len(rows), dtype=np.bool_)
    mask = np.zeros(len(history), dtype=np.bool_)
    mask[list(chosen)] = True
    found: NDArray[np.bool_] = mask[rows]
    return found


def streams(history: History) -> Iterator[Stream]:
    """Every stream that the header declares, in its order."""
    number = len(history.header.streams)
    order = np.argsort(history.stream, kind="stable") if number > 1 else np.arange(len(history))
    borders = np.searchsorted(history.stream[order], np.arange(number + 1)) if number > 1 else [0, len(history)]
    for index, state in enumerate(history.header.streams):
        rows = order[borders[index] : borders[index + 1]]
        kind, outcome = history.kind[rows], history.outcome[rows]
        appends = kind == Kind.APPEND
        answered = outcome == Outcome.OK
        yield Stream(
            history=history,
            index=index,
            name=state.name,
            tail=state.tail,
            token=_token(history, state.fencing_token),
            rows=rows,
            acked=rows[appends & answered & (history.appends.start[rows] != NONE)],
            floating=rows[appends & (outcome == Outcome.INDEFINITE)],
            failed=rows[appends & (outcome == Outcome.FAILED)],
            reads=rows[(kind == Kind.READ) & answered & ~history.reads.hashed[rows]],
        )


def _token(history: History, token: str | None) -> int:
    if token is None:
        return UNKNOWN
    return history.tokens.index(token) if token in history.tokens else UNMENTIONED
