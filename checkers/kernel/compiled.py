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
from fencepost.harness.history.chain_hash import signed_link

from . import spec
from .hashing import signed_folded

COLUMN: Final = numba.types.Array(numba.int64, 1, "C")

_COMPILED: Final[dict[Any, Any]] = {signed_link: signed_folded}
"""Functions that there are compiled ones of."""


def copied(module: ModuleType, *entries: str) -> ModuleType:
    """A second copy of a module in which all functions are numba's, but for the ``entries`` that Python calls.

    What it imported is compiled as well, where that was copied before.
    """
    found = importlib.util.find_spec(module.__name__)
    assert found is not None
    assert found.loader is not None
    copy = importlib.util.module_from_spec(found)
    found.loader.exec_module(copy)
    for name, one in inspect.getmembers(copy, inspect.isfunction):
        if one.__code__.co_filename != module.__file__:
            vars(copy)[name] = _COMPILED.get(one, one)
        elif name not in entries:
            _COMPILED[vars(module)[name]] = vars(copy)[name] = inner(one)
    return copy


def columns_of(table: Any) -> Any:
    """The type of a named tuple of columns."""
    tuple_of: Any = numba.types.NamedUniTuple
    return tuple_of(COLUMN, len(table._fields), table)


def called(function: FunctionType, signature: Any) -> Callable[..., int]:
    """The compiled form of a function of columns, and of named tuples of columns, which are made contiguous."""
    loop = translated(function, signature)
    return lambda *arguments: int(loop(*(plain(one) if isinstance(one, tuple) else column(one) for one in arguments)))


def plain(columns: Any) -> Any:
    """The same columns as compiled code takes them: contiguous."""
    return type(columns)(*map(column, columns))


def column(values: Any) -> Any:
    """The same column as compiled code takes it."""
    return np.require(values, np.int64, ["C", "W"])


replay: Final = called(
    copied(spec, "replay").replay,
    numba.int64(columns_of(spec.Asked), columns_of(spec.Records), columns_of(spec.Log), COLUMN, COLUMN),
)
"""See :func:`.spec.replay`."""
