"""The loops of :mod:`.tails`, compiled."""

from __future__ import annotations

from typing import Final

import numba

from ..kernel import gone, spec
from ..kernel.compiled import COLUMN, called, columns_of, copied
from . import tails

copied(gone)
_COPY: Final = copied(tails, "place", "settle")
_TABLES: Final = [columns_of(table) for table in (spec.Asked, spec.Records, spec.Log, tails.Chain, tails.Places)]

place: Final = called(_COPY.place, numba.int64(*_TABLES, COLUMN))
settle: Final = called(_COPY.settle, numba.int64(*_TABLES, COLUMN))
