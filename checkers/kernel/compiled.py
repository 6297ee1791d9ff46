"""The specification, compiled: a second copy of :mod:`.spec` in which every function is numba's."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, Final

import numba
import numpy as np

from fencepost.harness.compiling import inner, translated

from . import spec
from .hashing import signed_folded

COLUMN: Final = numba.types.Array(numba.int64, 1, "C")
"""The type of every column."""


def copy(module: ModuleType, compiled: Mapping[str, Any], outermost: Sequence[str]) -> ModuleType:
    """A copy of a module whose functions are compiled into those that call them.

    ``compiled`` are what they call of other modules. The ``outermost`` functions stay as they are, to be translated.
    """
    found = importlib.util.find_spec(module.__name__)
    assert found is not None
    assert found.loader is not None
    made = importlib.util.module_from_spec(found)
    found.loader.exec_module(made)
    vars(made).update(compiled)
    for name, function in inspect.getmembers(made, inspect.isfunction):
        if function.__code__.co_filename == module.__file__ and name not in outermost:
            setattr(made, name, inner(function))
    return made


def columns(table: Any) -> Any:
    """The type of a tuple of columns."""
    tuple_of: Any = numba.types.NamedTuple
    return tuple_of((COLUMN,) * len(table._fields), table)


SPEC: Final = copy(spec, {"link": signed_folded}, [spec.replay.__name__])
"""The specification, for other compiled functions."""

_replay: Callable[..., Any] = translated(
    SPEC.replay,
    numba.int64(columns(spec.Asked), columns(spec.Records), columns(spec.Log), COLUMN, COLUMN),
)


def replay(asked: spec.Asked, records: spec.Records, log: spec.Log, state: Any, order: Any) -> int:
    """See :func:`.spec.replay`. The columns are int64."""
    return int(_replay(plain(asked), plain(records), log, state, np.require(order, np.int64, ["C", "W"])))


def plain(columns: Any) -> Any:
    """The same columns as compiled code takes them: contiguous."""
    return type(columns)(*(np.require(column, np.int64, ["C", "W"]) for column in columns))
