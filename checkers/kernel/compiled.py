"""The specification, compiled: a second copy of :mod:`.spec` in which every function is numba's."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

import numba
import numpy as np

from fencepost.harness.compiling import inner, translated

from . import spec
from .hashing import signed_folded

_COLUMN: Final = numba.types.Array(numba.int64, 1, "C")


def _copy() -> ModuleType:
    found = importlib.util.find_spec(spec.__name__)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    vars(module)["link"] = signed_folded
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if function.__code__.co_filename == spec.__file__ and name != spec.replay.__name__:
            setattr(module, name, inner(function))
    return module


def _columns(table: Any) -> Any:
    tuple_of: Any = numba.types.NamedTuple
    return tuple_of((_COLUMN,) * len(table._fields), table)


_replay: Callable[..., Any] = translated(
    _copy().replay,
    numba.int64(_columns(spec.Asked), _columns(spec.Records), _columns(spec.Log), _COLUMN, _COLUMN),
)


def replay(asked: spec.Asked, records: spec.Records, log: spec.Log, state: Any, order: Any) -> int:
    """See :func:`.spec.replay`. The columns are int64."""
    return int(_replay(plain(asked), plain(records), log, state, np.require(order, np.int64, ["C", "W"])))


def plain(columns: Any) -> Any:
    """The same columns as compiled code takes them: contiguous."""
    return type(columns)(*(np.require(column, np.int64, ["C", "W"]) for column in columns))
