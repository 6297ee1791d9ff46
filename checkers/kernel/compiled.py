"""The specification, compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from fencepost.harness.loops.loop import translated
from fencepost.harness.loops.signatures import COLUMN, INT64, Array, Table, columns_of

from . import hashing, spec  # noqa: F401 - what loops call instead of the hash that Python computes


def called(function: Callable[..., Any], *arguments: Array | Table) -> Callable[..., int]:
    """The compiled form of a function of columns, and of named tuples of columns, which are made contiguous."""
    loop = translated(function, INT64(*arguments))
    return lambda *given: int(loop(*(plain(one) if isinstance(one, tuple) else column(one) for one in given)))


def plain(columns: Any) -> Any:
    """The same columns as compiled code takes them: contiguous."""
    return type(columns)(*map(column, columns))


def column(values: Any) -> Any:
    """The same column as compiled code takes it."""
    return np.require(values, np.int64, ["C", "W"])


TABLES: Final = tuple(map(columns_of, (spec.Asked, spec.Records, spec.Log)))

replay: Final = called(spec.replay, *TABLES, COLUMN, COLUMN)
"""See :func:`.spec.replay`."""
