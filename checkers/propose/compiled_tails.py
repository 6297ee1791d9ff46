"""The loops of :mod:`.tails`, compiled."""

from __future__ import annotations

from typing import Final

from fencepost.harness.loops.signatures import COLUMN, columns_of

from ..kernel.compiled import TABLES, called
from . import tails

_TABLES: Final = (*TABLES, columns_of(tails.Chain), columns_of(tails.Places))

place: Final = called(tails.place, *_TABLES, COLUMN)
settle: Final = called(tails.settle, *_TABLES, COLUMN)
