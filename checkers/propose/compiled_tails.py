"""The loops of :mod:`.tails`, compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numba

from ..kernel import compiled, spec
from . import tails

_COLUMN: Final = compiled.COLUMN
_copy: Final = compiled.copy(
    tails,
    {
        "step": compiled.SPEC.step,
        **{name: getattr(compiled.SPEC, name) for name in ("slot", "since_slot", "start_at", "start_of")},
    },
    (tails.place.__name__, tails.settle.__name__),
)
_TABLES: Final = [compiled.columns(table) for table in (spec.Asked, spec.Records, spec.Log, tails.Chain, tails.Places)]

place: Final[Callable[..., Any]] = compiled.translated(_copy.place, numba.int64(*_TABLES, _COLUMN))
settle: Final[Callable[..., Any]] = compiled.translated(_copy.settle, numba.boolean(*_TABLES, _COLUMN))
