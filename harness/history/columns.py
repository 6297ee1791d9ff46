"""Columns under construction: values that every row has, that some rows have, and that rows have many of."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np

from .history import NONE


class Interned:
    """Strings numbered in the order of their first appearance."""

    def __init__(self, *first: str) -> None:
        self.values = list(first)
        self._index = {value: index for index, value in enumerate(first)}

    def __call__(self, value: str | None) -> int:
        if value is None:
            return NONE
        index = self._index.get(value)
        if index is None:
            index = self._index[value] = len(self.values)
            self.values.append(value)
        return index


class Table:
    """Columns that only some rows of the history have; elsewhere they hold NONE. Made dense once, at the end."""

    def __init__(self, **columns: str) -> None:
        self._rows = array("q")
        self._columns = {name: array(typecode) for name, typecode in columns.items()}
        self._appends = [column.append for column in self._columns.values()]

    def add(self, row: int, *values: int) -> None:
        """The values of all columns, in the order of the columns, for one row."""
        self._rows.append(row)
        for append, value in zip(self._appends, values, strict=True):
            append(value)

    def extend(self, rows: Any, *values: Any) -> None:
        """The values of all columns for many rows: arrays of one shape (n,)."""
        _extend(self._rows, rows)
        for column, of_rows in zip(self._columns.values(), values, strict=True):
            _extend(column, of_rows)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def rows(self) -> Any:
        """The rows that have values, in the order in which they came."""
        return as_array(self._rows)

    def dense(self, rows: int, empty: int = NONE) -> dict[str, Any]:
        """Every column as an array of shape (rows,), with ``empty`` where a row has nothing."""
        filled = {}
        places = as_array(self._rows)
        ordered = np.array_equal(places, np.arange(rows))
        for name, column in self._columns.items():
            values = as_array(column)
            filled[name] = values
            if not ordered:
                every = len(places) == rows  # then all are overwritten, and what is empty need not fit
                filled[name] = np.full(rows, 0 if every else empty, dtype=values.dtype)
                filled[name][places] = values
        return filled


class Ragged:
    """Columns in which a row has any number of values, the same number in each. Rows may come in any order, once."""

    def __init__(self, **columns: str) -> None:
        self._rows = array("q")
        self._counts = array("q")
        self._columns = {name: array(typecode) for name, typecode in columns.items()}
        self._extends = [column.extend for column in self._columns.values()]

    def add(self, row: int, *values: Sequence[int]) -> None:
        """The values of all columns, in the order of the columns, for one row."""
        self._rows.append(row)
        self._counts.append(len(values[0]))
        for extend, of_row in zip(self._extends, values, strict=True):
            extend(of_row)

    def extend(self, rows: Any, counts: Any, *values: Any) -> None:
        """The values of all columns for many rows, shape (n,), which have ``counts`` of them, one row after another."""
        _extend(self._rows, rows)
        _extend(self._counts, counts)
        for column, of_rows in zip(self._columns.values(), values, strict=True):
            _extend(column, of_rows)

    def dense(self, rows: int) -> dict[str, Any]:
        """Every column, in the order of the rows, and ``offset`` of shape (rows + 1,): row i is at offset[i:i + 1]."""
        counts = as_array(self._counts)
        of_row = np.zeros(rows, dtype=np.int64)
        of_row[as_array(self._rows)] = counts
        offset = np.concatenate(([0], np.cumsum(of_row)))
        # Where each row's values begin as they came, less where they begin in order: how far each value moves.
        moves = np.cumsum(counts) - counts - offset[as_array(self._rows)]
        by_row = np.zeros(rows, dtype=np.int64)
        by_row[as_array(self._rows)] = moves
        source = np.arange(offset[-1]) + np.repeat(by_row, of_row)
        return {"offset": offset} | {name: as_array(column)[source] for name, column in self._columns.items()}


def as_array(column: array[Any]) -> Any:
    """The column's values, dtype as its typecode says."""
    return np.array(column, dtype=column.typecode)


def _extend(column: array[Any], values: Any) -> None:
    column.frombytes(np.ascontiguousarray(values, dtype=column.typecode).data.cast("B"))
