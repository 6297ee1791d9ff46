"""The least solution, compiled."""

from __future__ import annotations

from typing import Final

from fencepost.harness.loops.signatures import COLUMN, columns_of

from . import least
from .compiled import TABLES, called

_SCHEDULE: Final = columns_of(least.Stops), columns_of(least.Schedule)

solve: Final = called(least.solve, *TABLES, COLUMN, *_SCHEDULE, COLUMN, COLUMN, COLUMN)
resurrected: Final = called(least.resurrected, *TABLES, COLUMN, *_SCHEDULE, COLUMN, COLUMN)
chain_hashes: Final = called(least.chain_hashes, *(COLUMN,) * 5)
