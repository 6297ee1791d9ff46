"""How a claim of a certificate fails."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history import describe
from fencepost.harness.history.history import History, Int64s


class Refuted(Exception):
    """A claim does not hold; the text says which, and names the operation."""


def refute(history: History, row: int, why: str) -> NoReturn:
    """The claim that fails is about this row."""
    raise Refuted(f"{describe.name(history.operation(int(row)))} {why}")


def require(history: History, rows: Int64s, holds: NDArray[np.bool_], why: str) -> None:
    """Refute the first of the rows for which something does not hold."""
    if not holds.all():
        refute(history, int(rows[int(np.argmin(holds))]), why)
