"""An order that the oracle found, as the kernel takes it."""

from __future__ import annotations

from collections import Counter
from math import inf

import numpy as np

from fencepost.checkers.kernel import log as logs
from fencepost.checkers.kernel.accept import Order
from fencepost.checkers.kernel.columns import Requirements
from tests.checkers.wgl import Witness


def order_of(asked: Requirements, witness: Witness) -> Order:
    """The order of a witness, with the timestamps that it settled on."""
    history = asked.history
    number = Counter(op for op, _ in witness.moments)
    moments = []
    for op, at in witness.moments:
        own = _moments(asked, history.row_of(op))
        at -= number[op] - len(own)  # the oracle has a moment at which a clamped read by timestamp began
        if at >= 0:
            moments.append(own[at])
    latest = [(at, int(entry.late)) for at, entry in enumerate(witness.state.log) if entry.late != inf]
    return Order(np.array(moments, dtype=np.int64), logs.number(history, witness.token), latest)


def _moments(asked: Requirements, row: int) -> list[int]:
    """The moments of an operation and of the parts of its answer, in the order of the answer."""
    part_of, rows = asked.history.part_of[asked.asked.row], asked.asked.row
    return [*np.flatnonzero(part_of == row).tolist(), *np.flatnonzero(rows == row).tolist()]
