"""Orders written by hand, for the kernel."""

from __future__ import annotations

import numpy as np
import pytest

from fencepost.checkers.kernel.accept import accept
from fencepost.checkers.kernel.columns import requirements, rows_of
from fencepost.checkers.kernel.contradiction import Refuted
from fencepost.checkers.kernel.format import Linearization, claimed_order
from fencepost.harness.history.history import History

Moment = int | tuple[int, bool]
"""An operation's id, or that and whether it is the second moment."""


def accepted(judged: History, *moments: Moment, stream: int = 0) -> None:
    """The kernel accepts this order."""
    pairs = [(moment, False) if isinstance(moment, int) else moment for moment in moments]
    rows = np.array([judged.row_of(op) for op, _ in pairs], dtype=np.int64)
    own = rows_of(judged)[stream]
    asked = requirements(judged, stream, own)
    claimed = Linearization(rows, np.array([second for _, second in pairs], dtype=np.bool_))
    accept(asked, own, claimed_order(asked, claimed))


def refused(judged: History, *moments: Moment, why: str, stream: int = 0) -> None:
    """It does not, for this reason."""
    with pytest.raises(Refuted, match=why):
        accepted(judged, *moments, stream=stream)
