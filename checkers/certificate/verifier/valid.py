"""The certificate of a valid stream: an order, replayed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import History, Int64s

from . import answers, beginnings, hashes, log, moments, reads, sequence, vanished


def check(
    history: History, stream: int, rows: Int64s, order: Int64s, second: NDArray[np.bool_], token: str | None
) -> None:
    """Raises Refuted unless the order explains every answer of the stream. ``rows`` are the stream's, ascending.

    Linear in the number of operations and records, but for sorting what is of one session, process or answer.
    """
    arranged = moments.moments(history, stream, rows, order, second)
    sequence.check(arranged)
    states = log.states(arranged, token)
    answers.check(arranged, states)
    beginnings.check(arranged, states)
    contents = log.log(arranged)
    found = reads.check(arranged, states, contents)
    vanished.check(arranged, found)
    hashes.check(arranged, contents)
