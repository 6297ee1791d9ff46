"""The least solution, compiled: a second copy of :mod:`.least` in which every function is numba's."""

from __future__ import annotations

from typing import Final

import numba

from . import gone, least, spec
from .compiled import COLUMN, called, columns_of, copied

copied(gone)
_COPY: Final = copied(least, "solve", "resurrected", "chain_hashes")
_TABLES: Final = [columns_of(table) for table in (spec.Asked, spec.Records, spec.Log)]
_SCHEDULE: Final = columns_of(least.Stops), columns_of(least.Schedule)

solve: Final = called(_COPY.solve, numba.int64(*_TABLES, COLUMN, *_SCHEDULE, COLUMN, COLUMN, COLUMN))
resurrected: Final = called(_COPY.resurrected, numba.int64(*_TABLES, COLUMN, *_SCHEDULE, COLUMN, COLUMN))
chain_hashes: Final = called(_COPY.chain_hashes, numba.int64(*(COLUMN,) * 5))
