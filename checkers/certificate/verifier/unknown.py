"""The certificate of a stream that is not decided: what is open is open, and who may have closed it may have."""

from __future__ import annotations

import numpy as np

from fencepost.harness.history.history import NONE, History, Int64s, Kind, Outcome

from .premises import Premises
from .refutation import Refuted, refute
from .statement import OpenHole


def check(history: History, stream: int, rows: Int64s, holes: list[OpenHole], reasons: list[str]) -> None:
    """Raises Refuted where a hole is none, a candidate cannot be in it, or no reason is given."""
    if not reasons:
        raise Refuted("it is said to be unknown, and not why")
    premises = Premises(history, stream, rows)
    for hole in holes:
        if not premises.tail <= hole.start < hole.end:
            raise Refuted(f"the hole from {hole.start} to {hole.end} is no stretch of the stream")
        known = premises.covered(hole.start)
        if known != NONE:
            refute(history, known, f"wrote position {hole.start}, which is said to be open")
        if not hole.candidates:
            raise Refuted(f"nobody is named who may have written position {hole.start}")
        for row in hole.candidates:
            _candidate(premises, hole, row)
        if not hole.ragged and _reach(premises) < hole.end:
            raise Refuted(f"nothing says that the stream got to {hole.end}")


def _candidate(premises: Premises, hole: OpenHole, row: int) -> None:
    history = premises.history
    append = history.kind[row] == Kind.APPEND and history.stream[row] == premises.stream
    if not append or history.outcome[row] != Outcome.INDEFINITE:
        refute(history, row, "is named for a hole, and is no append of unknown outcome to this stream")
    if row in premises.places:
        refute(history, row, f"is named for a hole, and was read at {premises.places[row]}")
    size, match = premises.size(row), int(history.appends.match_seq_num[row])
    least = max(hole.start, match)
    if not size or (least + size > hole.end and not hole.ragged) or least >= hole.end:
        refute(history, row, f"is named for the hole from {hole.start} to {hole.end}, and does not fit")


def _reach(premises: Premises) -> int:
    """The greatest tail that any answer names or proves."""
    history, rows = premises.history, premises.rows
    reads = history.reads
    read = rows[reads.offset[rows + 1] > reads.offset[rows]]
    columns = (
        history.observed_tail[rows],
        history.seq_num_mismatch[rows],
        history.appends.start[rows],
        history.appends.tail[rows],
        reads.tail[rows],
        reads.seq_num[reads.offset[read + 1] - 1] + 1,
        np.array([premises.tail]),
    )
    return int(np.concatenate(columns).max())
