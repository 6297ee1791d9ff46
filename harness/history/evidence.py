"""What refusals say of the stream: one row for each error body, with the column of a history that keeps it.

Whoever reads, writes or describes histories goes by these rows. A body that holds a position tells the exact tail, as
other answers do, and shares their columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..s2 import Position
from ..s2.errors import FENCING_TOKEN_MISMATCH, RANGE_NOT_SATISFIABLE, SEQ_NUM_MISMATCH, ErrorCode
from .history import NONE, History


@dataclass(frozen=True, slots=True)
class Evidence:
    """One error body: its row, the ``noun`` for what it tells, and the column that keeps it.

    The column holds an index into :attr:`.history.History.tokens` where the body holds a string, else a seq_num.
    """

    row: ErrorCode
    noun: str
    column: str

    @property
    def status(self) -> int:
        """The HTTP status of the refusal."""
        return self.row.statuses[0]

    @property
    def is_token(self) -> bool:
        """Whether the body holds a token."""
        return self.row.holds is str

    def of(self, history: History, row: int) -> int | str | None:
        """Return what the answer to an operation told, or None if it was another."""
        found = int(getattr(history, self.column)[row])
        return None if found == NONE else history.tokens[found] if self.is_token else found


EVIDENCE: Final = (
    Evidence(SEQ_NUM_MISMATCH, "tail", "seq_num_mismatch"),
    Evidence(FENCING_TOKEN_MISMATCH, "token", "token_mismatch"),
    Evidence(RANGE_NOT_SATISFIABLE, "tail", "observed_tail"),
)

MISMATCHES: Final = tuple(one for one in EVIDENCE if one.row.holds is not Position)
"""The rows whose column no other answer fills."""


def find(status: int | None, body: Mapping[str, Any]) -> Evidence | None:
    """Return the row of a refusal with this status and body, or None if it tells nothing of the stream."""
    return next((one for one in EVIDENCE if one.status == status and one.row.member in body), None)


def mismatched(history: History) -> NDArray[np.bool_]:
    """Return which operations (shape (n,)) were refused with one of :data:`MISMATCHES`."""
    return np.asarray(np.logical_or.reduce([getattr(history, one.column) != NONE for one in MISMATCHES]))
