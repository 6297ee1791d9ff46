"""Gives scanned lines their rows, and sees that each stands where it may: once, in order, after what it answers."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ...compiling import compiled
from ..history import FOREVER, Outcome
from .lines import ACK, AT, BATCH, FAILURE, INDEFINITE, KIND, OP, READ, TAIL, TIME, WHOLE

_OK: Final = int(Outcome.OK)
_FAILED: Final = int(Outcome.FAILED)
_INDEFINITE: Final = int(Outcome.INDEFINITE)
_FOREVER: Final = FOREVER
_UNKNOWN: Final = -1
_ANSWERED_BY: Final = np.array([ACK, BATCH, TAIL])


@compiled("boolean(int64[:,::1], int64, int64[::1], int64[::1], uint8[::1], int64[::1], int64)")
def invoke(asked: Any, rows: Any, rows_of: Any, places: Any, kinds: Any, invoked: Any, last: int) -> bool:
    """Give the operations of ``asked`` (see :mod:`.lines`) the rows from ``rows`` on; False if one may not stand there.

    ``rows_of`` (by operation id, -1 where there is none) has room for every id. ``places`` (where the line begins),
    ``kinds`` and ``invoked``, by row, are filled. ``last`` is when the operation before was invoked.
    """
    for i in range(len(asked)):
        op, time = asked[i, OP], asked[i, TIME]
        if rows_of[op] != _UNKNOWN or time < last:
            return False
        row = rows + i
        rows_of[op] = row
        places[row], kinds[row], invoked[row] = asked[i, AT], asked[i, KIND], time
        last = time
    return True


@compiled(
    "boolean(int64[:,::1], int64[::1], int64[::1], uint8[::1], int64[::1], uint8[::1], int64[::1], int64[::1],"
    " int64[::1])"
)
def complete(
    answered: Any,
    rows_of: Any,
    places: Any,
    kinds: Any,
    invoked: Any,
    outcomes: Any,
    ended: Any,
    returned: Any,
    found: Any,
) -> bool:
    """Find the rows of answers, into ``found``, and write down how they ended; False if one may not stand there."""
    for i in range(len(answered)):
        op, time, kind = answered[i, OP], answered[i, TIME], answered[i, KIND]
        row = rows_of[op] if op < len(rows_of) else _UNKNOWN
        if row == _UNKNOWN or places[row] > answered[i, AT] or ended[row] != _FOREVER or time < invoked[row]:
            return False
        if kind < FAILURE and _ANSWERED_BY[kinds[row]] != kind and not (kind == WHOLE and kinds[row] == READ):
            return False
        found[i] = row
        ended[row] = time
        if kind == INDEFINITE:
            outcomes[row] = _INDEFINITE
        else:
            outcomes[row] = _FAILED if kind == FAILURE else _OK
            returned[row] = time
    return True
