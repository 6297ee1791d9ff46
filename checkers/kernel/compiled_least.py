"""The least solution, compiled: a second copy of :mod:`.least` in which every function is numba's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numba
from numba.core.dispatcher import Dispatcher

from fencepost.harness.compiling import translated
from fencepost.harness.history.history import Int64s

from . import least, spec
from .compiled import COLUMN, INNER, columns_of, copied, plain
from .hashing import signed_folded

_INNER: Final = {name: value for name, value in vars(INNER).items() if isinstance(value, Dispatcher)}
_COPY: Final = copied(
    least, {**_INNER, "link": signed_folded}, least.solve.__name__, least.vanished.__name__, least.chain_hashes.__name__
)
_TABLES: Final = columns_of(spec.Asked), columns_of(spec.Records), columns_of(spec.Log)
_SCHEDULE: Final = columns_of(least.Stops), columns_of(least.Schedule)

_solve: Callable[..., Any] = translated(_COPY.solve, numba.int64(*_TABLES, COLUMN, *_SCHEDULE, COLUMN, COLUMN, COLUMN))
_vanished: Callable[..., Any] = translated(_COPY.vanished, numba.void(*_TABLES, *_SCHEDULE, *(COLUMN,) * 3))
_chain_hashes: Callable[..., Any] = translated(_COPY.chain_hashes, numba.int64(*(COLUMN,) * 7))


def solve(*arguments: Any) -> int:
    """See :func:`.least.solve`. Columns are int64."""
    return int(_solve(*map(_plain, arguments)))


def vanished(*arguments: Any) -> None:
    """See :func:`.least.vanished`. Columns are int64."""
    _vanished(*map(_plain, arguments))


def chain_hashes(*columns: Int64s) -> int:
    """See :func:`.least.chain_hashes`. Columns are int64."""
    return int(_chain_hashes(*map(_plain, columns)))


def _plain(argument: Any) -> Any:
    return plain(argument) if isinstance(argument, tuple) else argument
