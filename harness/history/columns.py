"""Columns under construction, for values that every row has, that some rows have, and that rows have many of."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from .history import NONE, Int64s

_LEAST: Final = 1 << 12
_SLACK: Final = 1.2
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

    def numbers(self, texts: Sequence[str], indices: Int64s) -> Int64s:
        """Return the numbers of the texts with these indices; NONE of NONE. Other texts get no number."""
        found = np.full(len(texts) + 1, NONE)
        used = np.zeros(len(texts) + 1, dtype=np.bool_)
        used[indices] = True
        for index in np.flatnonzero(used[:-1]).tolist():
            found[index] = self(texts[index])
        numbers: Int64s = found[indices]
        return numbers


class Expected:
    """How much is still to come: ``share`` is the part of all values that is there already, as far as is known."""

    def __init__(self) -> None:
        self.share = 0.5

    def room(self, used: int) -> int:
        """Return for how many values to make room if so many are there."""
        return max(int(used / self.share * _SLACK), _LEAST)


class Table:
    """Columns that only some rows of the history have. The others hold NONE once :meth:`dense` fills them in."""

    def __init__(self, expected: Expected, **columns: str) -> None:
        self._expected = expected
        self._typecodes = {_ROWS: "q", **columns}
        self._many: dict[str, _Column] = {}
        # What comes one by one lies side by side, which takes one step a row, not one a value.
        self._single = array("Q" if "Q" in columns.values() else "q")
        self._extend = self._single.extend

    def add(self, row: int, *values: int) -> None:
        """Add one row: a value for every column, in the order of the columns.

        Raises OverflowError for a number beyond 64 bits; the row is then left out.
        """
        try:
            self._extend((row, *values))
        except OverflowError:
            del self._single[len(self._single) - len(self._single) % len(self._typecodes) :]
            raise

    def extend(self, rows: Any, *values: Any) -> None:
        """Add many rows: one array of shape (n,) for every column."""
        if not self._many:
            self._many = {name: _Column(typecode, self._expected) for name, typecode in self._typecodes.items()}
        for column, of_rows in zip(self._many.values(), (rows, *values), strict=True):
            column.extend(of_rows)

    def _whole(self) -> dict[str, Any]:
        """Return every column, including the rows, in the order of arrival: arrays before single values."""
        single = np.frombuffer(self._single, dtype=self._single.typecode).reshape(-1, len(self._typecodes))
        found = {}
        for index, (name, typecode) in enumerate(self._typecodes.items()):
            values = _fitting(single[:, index], typecode)
            many = self._many[name].whole() if self._many else values
            found[name] = np.concatenate((many, values)) if self._many and len(values) else many
        return found

    @property
    def rows(self) -> Any:
        """Return the rows that have values, in the order of the values."""
        return self._whole()[_ROWS]

    def dense(self, rows: int, empty: int = NONE, place: Int64s | None = None) -> dict[str, Any]:
        """Return every column as an array of shape (rows,), with ``empty`` where a row has no value.

        ``place`` maps the rows that were added to rows of the result; those that it maps to NONE are left out, and so
        are rows beyond the last one. A column of one value may be read-only, and in the memory of one value. The table
        must not be used any more.
        """
        if not self._single and not self._many:
            return {name: _constant(empty, rows, self._typecodes[name]) for name in self._typecodes if name != _ROWS}
        filled = self._whole()
        self._many = {}
        places = filled.pop(_ROWS)
        kept = places < (rows if place is None else len(place))
        if place is not None or not kept.all():
            places, kept = _moved(places, place, kept)
            if not kept.all():
                places, filled = places[kept], {name: values[kept] for name, values in filled.items()}
        ordered = len(places) == rows and np.array_equal(places, np.arange(rows))
        for name, values in filled.items():
            if not len(places) or (values.strides == (0,) and values[0] == empty):
                filled[name] = _constant(empty, rows, values.dtype)
            elif not ordered:
                every = len(places) == rows  # then all are overwritten, and what is empty need not fit
                filled[name] = np.full(rows, 0 if every else empty, dtype=values.dtype)
                filled[name][places] = values
        return filled


class Ragged:
    """Columns in which a row has any number of values, equally many in each column. Rows come once, in any order."""

    def __init__(self, expected: Expected, **columns: str) -> None:
        self._rows = _Column("q", expected)
        self._counts = _Column("q", expected)
        self._columns = {name: _Column(typecode, expected) for name, typecode in columns.items()}
        self._adds = [column.add for column in self._columns.values()]

    def add(self, row: int, *values: Sequence[int]) -> None:
        """Add the values of one row: a list for every column, in the order of the columns.

        Raises OverflowError for a number that does not fit; nothing may be added after that.
        """
        for add, of_row in zip(self._adds, values, strict=True):
            add(of_row)
        self._rows.append(row)
        self._counts.append(len(values[0]))

    def extend(self, rows: Any, counts: Any, *values: Any) -> None:
        """Add many rows, shape (n,), with ``counts`` values each, which lie one row after another."""
        self._rows.extend(rows)
        self._counts.extend(counts)
        for column, of_rows in zip(self._columns.values(), values, strict=True):
            column.extend(of_rows)

    def dense(self, rows: int, place: Int64s | None = None) -> dict[str, Any]:
        """Return every column in row order, and ``offset`` of shape (rows + 1,): row i lies at offset[i:i + 1].

        ``place`` is as in :meth:`Table.dense`.
        """
        places, counts = self._rows.whole(), self._counts.whole()
        total = int(counts.sum())
        columns = {name: column.whole()[:total] for name, column in self._columns.items()}
        self._columns = {}
        kept = places < (rows if place is None else len(place))
        if place is not None or not kept.all():
            places, kept = _moved(places, place, kept)
            if not kept.all():
                of_kept = np.repeat(kept, counts)
                places, counts = places[kept], counts[kept]
                columns = {name: column[of_kept] for name, column in columns.items()}
        of_row = np.zeros(rows, dtype=np.int64)
        of_row[places] = counts
        offset = np.concatenate(([0], np.cumsum(of_row)))
        if np.all(places[1:] > places[:-1]):
            return {"offset": offset} | columns
        # Where each row's values begin as they came, less where they begin in order: how far each value moves.
        by_row = np.zeros(rows, dtype=np.int64)
        by_row[places] = np.cumsum(counts) - counts - offset[places]
        source = np.repeat(by_row, of_row)
        source += np.arange(offset[-1])
        return {"offset": offset} | {name: column[source] for name, column in columns.items()}


def _moved(places: Int64s, place: Int64s | None, known: Any) -> tuple[Int64s, Any]:
    """Return where ``place`` moves rows, and which of them (bool) are ``known`` and not moved to NONE."""
    moved = places if place is None else place[np.where(known, places, 0)] if len(place) else places
    return moved, known & (moved != NONE)


class _Column:
    """A column under construction, from single values and whole arrays; in the result the arrays come first.

    As long as the arrays hold one value only, it takes the memory of one: a page that is touched for the first time
    costs as much as what is read into it.
    """

    def __init__(self, typecode: str, expected: Expected) -> None:
        self._expected = expected
        self._single = array(typecode)
        self._many = np.empty(0, dtype=typecode)
        self._one: Any = None
        self._used = 0
        self.append = self._single.append
        self.add = self._single.extend

    def extend(self, values: Any) -> None:
        """Values, shape (n,), that fit."""
        if not len(values):
            return
        used, self._used = self._used, self._used + len(values)
        if not used or self._one is not None:
            one = values[0] if self._one is None else self._one
            if (values == one).all():
                self._one = one
                return
        if self._used > len(self._many):
            # Pages that are never touched cost nothing, and a page that is copied is touched twice.
            fresh = np.empty(self._expected.room(self._used), dtype=self._many.dtype)
            fresh[:used] = self._many[:used] if self._one is None else self._one
            self._many, self._one = fresh, None
        self._many[used : self._used] = values

    def whole(self) -> Any:
        """All values, dtype as the typecode says."""
        if not self._used:
            return as_array(self._single)
        many = self._many[: self._used]
        if self._one is not None:
            many = np.broadcast_to(np.array(self._one).astype(self._many.dtype), self._used)
        return np.concatenate([many, as_array(self._single)]) if self._single else many


def _constant(value: int, rows: int, dtype: Any) -> Any:
    """Return a column of one value; if it is long, in the memory of one value."""
    if rows < _LEAST:
        return np.full(rows, np.array(value).astype(dtype), dtype)
    return np.broadcast_to(np.array(value).astype(dtype), rows)


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
