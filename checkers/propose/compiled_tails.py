"""The loops of :mod:`.tails`, compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numba
from numba.core.dispatcher import Dispatcher

from fencepost.harness.compiling import translated

from ..kernel import spec
from ..kernel.compiled import COLUMN, INNER, columns_of, copied
from . import tails

_INNER: Final = {
    name: value
    for name, value in vars(INNER).items()
    if isinstance(value, Dispatcher) and vars(tails).get(name) is vars(spec)[name]
}
_COPY: Final = copied(tails, _INNER, tails.place.__name__, tails.settle.__name__)
_TABLES: Final = [columns_of(table) for table in (spec.Asked, spec.Records, spec.Log, tails.Chain, tails.Places)]

place: Final[Callable[..., Any]] = translated(_COPY.place, numba.int64(*_TABLES, COLUMN))
settle: Final[Callable[..., Any]] = translated(_COPY.settle, numba.boolean(*_TABLES, COLUMN))
