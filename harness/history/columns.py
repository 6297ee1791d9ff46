"""Columns under construction, for values that every row has, that some rows have, and that rows have many of."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from .history import NONE

_LEAST: Final = 1 << 12
_ROWS: Final = "rows of the history"


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
    """Columns that only some rows of the history have. The others hold NONE once :meth:`dense` fills them in."""

    def __init__(self, **columns: str) -> None:
        self._typecodes = {_ROWS: "q", **columns}
        self._many: dict[str, _Column] = {}
        # What comes one by one lies side by side, which takes one step a row, not one a value.
        self._single = array("Q" if "Q" in columns.values() else "q")
        self._extend = self._single.extend

    def add(self, row: int, *values: int) -> None:
        """Add one row: a value for every column, in the order of the columns.

        Raises OverflowError for a number beyond 64 bits; the table must then be discarded.
        """
        self._extend((row, *values))

    def extend(self, rows: Any, *values: Any) -> None:
        """Add many rows: one array of shape (n,) for every column."""
        if not self._many:
            self._many = {name: _Column(typecode) for name, typecode in self._typecodes.items()}
        for column, of_rows in zip(self._many.values(), (rows, *values), strict=True):
            column.extend(of_rows)

    def _whole(self) -> dict[str, Any]:
        """Return every column, including the rows, in the order of arrival: arrays before single values."""
        single = np.frombuffer(self._single, dtype=self._single.typecode).reshape(-1, len(self._typecodes))
        found = {}
        for index, (name, typecode) in enumerate(self._typecodes.items()):
            values = _fitting(single[:, index], typecode)
            found[name] = np.concatenate((self._many[name].whole(), values)) if self._many else values
        return found

    @property
    def rows(self) -> Any:
        """Return the rows that have values, in the order of the values."""
        return self._whole()[_ROWS]

    def dense(self, rows: int, empty: int = NONE) -> dict[str, Any]:
        """Return every column as an array of shape (rows,), with ``empty`` where a row has no value."""
        filled = self._whole()
        places = filled.pop(_ROWS)
        ordered = len(places) == rows and np.array_equal(places, np.arange(rows))
        for name, values in filled.items():
            if not ordered:
                every = len(places) == rows  # then all are overwritten, and what is empty need not fit
                filled[name] = np.full(rows, 0 if every else empty, dtype=values.dtype)
                filled[name][places] = values
        return filled


class Ragged:
    """Columns in which a row has any number of values, equally many in each column. Rows come once, in any order."""

    def __init__(self, **columns: str) -> None:
        self._rows = _Column("q")
        self._counts = _Column("q")
        self._columns = {name: _Column(typecode) for name, typecode in columns.items()}
        self._adds = [column.add for column in self._columns.values()]

    def add(self, row: int, *values: Sequence[int]) -> None:
        """The values of all columns, in the order of the columns, for one row."""
        self._rows.append(row)
        self._counts.append(len(values[0]))
        for add, of_row in zip(self._adds, values, strict=True):
            add(of_row)

    def extend(self, rows: Any, counts: Any, *values: Any) -> None:
        """Add many rows, shape (n,), with ``counts`` values each, which lie one row after another."""
        self._rows.extend(rows)
        self._counts.extend(counts)
        for column, of_rows in zip(self._columns.values(), values, strict=True):
            column.extend(of_rows)

    def dense(self, rows: int) -> dict[str, Any]:
        """Return every column in row order, and ``offset`` of shape (rows + 1,): row i lies at offset[i:i + 1]."""
        places, counts = self._rows.whole(), self._counts.whole()
        of_row = np.zeros(rows, dtype=np.int64)
        of_row[places] = counts
        offset = np.concatenate(([0], np.cumsum(of_row)))
        columns = {name: column.whole() for name, column in self._columns.items()}
        if np.all(places[1:] > places[:-1]):
            return {"offset": offset} | columns
        # Where each row's values begin as they came, less where they begin in order: how far each value moves.
        by_row = np.zeros(rows, dtype=np.int64)
        by_row[places] = np.cumsum(counts) - counts - offset[places]
        source = np.repeat(by_row, of_row)
        source += np.arange(offset[-1])
        return {"offset": offset} | {name: column[source] for name, column in columns.items()}


class _Column:
    """A column under construction, from single values and whole arrays; in the result the arrays come first."""

    def __init__(self, typecode: str) -> None:
        self._single = array(typecode)
        self._many = np.empty(0, dtype=typecode)
        self._used = 0
        self.append = self._single.append
        self.add = self._single.extend

    def extend(self, values: Any) -> None:
        """Values, shape (n,), that fit."""
        used, self._used = self._used, self._used + len(values)
        if self._used > len(self._many):
            # Of pages that are never touched nothing is lost, and few large pieces are made faster than many small.
            fresh = np.empty(max(2 * len(self._many), self._used, _LEAST), dtype=self._many.dtype)
            fresh[:used] = self._many[:used]
            self._many = fresh
        self._many[used : self._used] = values

    def whole(self) -> Any:
        """All values, dtype as the typecode says."""
        many = self._many[: self._used]
        if not self._used:
            return as_array(self._single)
        return np.concatenate([many, as_array(self._single)]) if self._single else many


def as_array(column: array[Any]) -> Any:
    """Return the column's values, with the dtype of its typecode."""
    return np.array(column, dtype=column.typecode)


_BOUNDS: Final = {typecode: (int(np.iinfo(typecode).min), int(np.iinfo(typecode).max)) for typecode in "bBiqQ"}


def _fitting(values: Any, typecode: str) -> Any:
    """Return the values with another dtype. Raises OverflowError if one does not fit."""
    if len(values) and values.dtype != typecode:
        least, most = _BOUNDS[typecode]
        if not least <= int(values.min()) <= int(values.max()) <= most:
            raise OverflowError(f"a number beyond {most}")
    return values.astype(typecode)
