"""The specification, compiled: a second copy of :mod:`.spec` in which every function is numba's."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any, Final

import numba
import numpy as np

from fencepost.harness.compiling import inner, translated

from . import spec
from .hashing import signed_folded

COLUMN: Final = numba.types.Array(numba.int64, 1, "C")


def copied(module: ModuleType, compiled: dict[str, Any], *entries: str) -> ModuleType:
    """A second copy of a module in which all functions are numba's, but for the ``entries`` that Python calls.

    ``compiled`` replaces what the module imported.
    """
    found = importlib.util.find_spec(module.__name__)
    assert found is not None
    assert found.loader is not None
    copy = importlib.util.module_from_spec(found)
    found.loader.exec_module(copy)
    own = {name: one for name, one in inspect.getmembers(copy, inspect.isfunction) if _stands_in(module, one)}
    vars(copy).update({name: one for name, one in compiled.items() if name in vars(copy) and name not in own})
    vars(copy).update({name: inner(one) for name, one in own.items() if name not in entries})
    return copy


def _stands_in(module: ModuleType, function: FunctionType) -> bool:
    return function.__code__.co_filename == module.__file__


def columns_of(table: Any) -> Any:
    """The type of a named tuple of columns."""
    tuple_of: Any = numba.types.NamedUniTuple
    return tuple_of(COLUMN, len(table._fields), table)


INNER: Final = copied(spec, {"link": signed_folded}, spec.replay.__name__)
"""The specification, as other compiled code takes it."""

_replay: Callable[..., Any] = translated(
    INNER.replay,
    numba.int64(columns_of(spec.Asked), columns_of(spec.Records), columns_of(spec.Log), COLUMN, COLUMN),
)


def replay(asked: spec.Asked, records: spec.Records, log: spec.Log, state: Any, order: Any) -> int:
    """See :func:`.spec.replay`. The columns are int64."""
    return int(_replay(plain(asked), plain(records), log, state, np.require(order, np.int64, ["C", "W"])))


def plain(columns: Any) -> Any:
    """The same columns as compiled code takes them: contiguous."""
    return type(columns)(*(np.require(column, np.int64, ["C", "W"]) for column in columns))
