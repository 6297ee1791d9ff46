"""Reads a history from a Parquet file, and names the column and row of any mistake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from .. import events
from ..columns import Interned
from ..consistency import contradiction, doubts
from ..failure import HistoryFailure
from ..history import FOREVER, NONE, Appends, History, Int64s, Kind, Outcome, Reads
from ..ids import Ids
from ..sources import most
from .answers import check_answers
from .layout import APPENDS, COLUMNS, METADATA, OPERATIONS, READS, VERSION, Column, Rest, Shape
from .wrong import Wrong

_BATCH = 8192
"""Rows that are decoded at a time."""

_KINDS = {kind.label: kind.value for kind in Kind}
_OUTCOMES = {outcome.name.lower(): outcome.value for outcome in Outcome}


def read_parquet(data: bytes, name: str) -> History:
    """Return the history in a Parquet file; errors refer to it as ``name``. Raises :class:`HistoryFailure`."""
    try:
        rest, table = _opened(data)
        history = _history(rest, _Columns(table, [stream.name for stream in rest.header.streams]))
        check_answers(history)
    except Wrong as wrong:
        row = "" if wrong.row is None else f"row {wrong.row}: "
        raise HistoryFailure(f"{name}: {row}{wrong.column}: {wrong}") from wrong
    found = contradiction(history)
    if found is not None:
        raise HistoryFailure(f"{name}: row {found.place}: {found.field}: {found.text}")
    known = set(history.warnings)
    history.warnings.extend(doubt for doubt in doubts(history) if doubt not in known)
    return history


def _opened(data: bytes) -> tuple[Rest, Any]:
    import pyarrow as pa

    try:
        table = _read_table(data, most(len(data)))
        table.validate(full=True)
        names = table.schema.names
        found = (table.schema.metadata or {}).get(METADATA)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Wrong("the file", f"this is no whole Parquet file: {str(error).splitlines()[0]}") from error
    if found is None:
        raise Wrong("the file", f"its metadata has no {METADATA.decode()!r}: it was not written by fencepost convert")
    try:
        rest = msgspec.json.decode(found, type=Rest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Wrong("the metadata", str(error)) from error
    if rest.layout != VERSION:
        raise Wrong("the metadata", f"the layout is of version {rest.layout}; this fencepost reads version {VERSION}")
    for column in COLUMNS:
        if names.count(column.name) != 1:
            raise Wrong(column.name, "there is no such column, or there are several")
    return rest, table


def _read_table(data: bytes, limit: int) -> Any:
    """Return the table, a batch of rows at a time. Raises Wrong once its columns have more than ``limit`` bytes.

    The metadata of the file could say how many there are. But pyarrow aborts the process on the metadata of a single
    column if it is damaged, and a file may say anything.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(data))
    batches, size = [], 0
    for batch in file.iter_batches(_BATCH, use_threads=False):
        size += batch.nbytes
        if size > limit:
            raise Wrong(
                "the file", f"its columns have more than {limit:,} bytes once decompressed, the most for its size"
            )
        batches.append(batch)
    return pa.Table.from_batches(batches, file.schema_arrow)


@dataclass(frozen=True, slots=True)
class _Lists:
    offset: Int64s
    values: Any


class _Columns:
    """Reads the columns of the table one by one, each in its shape. ``streams`` are the names of the streams."""

    def __init__(self, table: Any, streams: list[str]) -> None:
        self._table = table
        self.tokens, self.codes, self.purposes = Interned(""), Interned(), Interned("")
        self._texts = {
            "stream": _one_of({name: index for index, name in enumerate(streams)}),
            "kind": _one_of(_KINDS),
            "outcome": _one_of(_OUTCOMES),
            "code": self.codes,
            "purpose": self.purposes,
        }
        self._columns = {column.name: column for column in COLUMNS}

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def values(self, columns: tuple[Column, ...]) -> dict[str, Any]:
        """Return what the columns of a group hold, by source, with the ``offset`` of its lists of records."""
        found = {column.source: self._value(column) for column in columns if column.shape is not Shape.RECORDS}
        names = [column.name for column in columns if column.shape is Shape.RECORDS]
        lists = _alike(names, [self.lists(name) for name in names])
        found |= {self._columns[name].source: one.values for name, one in zip(names, lists, strict=True)}
        return found | ({"offset": lists[0].offset} if lists else {})

    def _value(self, column: Column) -> Any:
        name = column.name
        match column.shape:
            case Shape.NUMBER:
                return self.numbers(name)
            case Shape.TEXT:
                return self.texts(name, self._texts.get(name, self.tokens)).astype(column.dtype)
            case Shape.FLAG:
                return self.flags(name)
            case Shape.TOKENS:
                return self.named(name)
            case Shape.GIVEN:
                return self.given(name)
            case Shape.CONTENTS:
                return self.contents(name)
        return self.maps(name)

    def numbers(self, name: str, missing: int = NONE) -> Any:
        """Return integers, with ``missing`` for null."""
        import pyarrow as pa

        column, array = self._get(name)
        array = self._cast(column, array, getattr(pa, column.dtype)())
        values = array.fill_null(0).to_numpy(zero_copy_only=False).astype(column.dtype)
        if array.null_count:
            gone = array.is_null().to_numpy(zero_copy_only=False)
            values = np.where(gone, np.array(missing).astype(column.dtype), values)
            negative = (values < 0) & ~gone
        else:
            negative = values < 0
        if negative.any():
            raise Wrong(name, "it is negative", int(np.argmax(negative)))
        return values

    def present(self, name: str) -> Any:
        """Return where the column has a value."""
        return self._get(name)[1].is_valid().to_numpy(zero_copy_only=False)

    def flags(self, name: str) -> Any:
        """Return booleans."""
        import pyarrow as pa

        column, array = self._get(name)
        return self._cast(column, array, pa.bool_()).to_numpy(zero_copy_only=False).astype(np.bool_)

    def texts(self, name: str, interned: Any) -> Any:
        """Return strings as numbers that ``interned`` gives each distinct one; NONE for null."""
        import pyarrow as pa

        column, array = self._get(name)
        if not pa.types.is_dictionary(array.type):
            array = self._cast(column, array, pa.string()).dictionary_encode()
        names = self._cast(column, array.dictionary, pa.string()).to_pylist()
        used = array.indices.fill_null(NONE).to_numpy(zero_copy_only=False).astype(np.int64)
        numbers = np.full(len(names) + 1, NONE, dtype=np.int64)
        for index in np.unique(used[used != NONE]).tolist():
            try:
                numbers[index] = interned(names[index])
            except KeyError as error:
                row = int(np.flatnonzero(used == index)[0])
                raise Wrong(name, f"{names[index]!r} is none of {', '.join(error.args[0])}", row) from error
        return numbers[used]

    def lists(self, name: str) -> _Lists:
        """Return lists of integers, one after another, with their offsets."""
        import pyarrow as pa

        column, array = self._get(name)
        array = self._cast(column, array, pa.large_list(getattr(pa, column.dtype)()))
        lengths = array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        values = array.flatten()
        if values.null_count:
            raise Wrong(name, "a list holds a null")
        offset = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths, dtype=np.int64)))
        numbers = values.to_numpy(zero_copy_only=False).astype(column.dtype)
        negative = np.flatnonzero(numbers < 0)
        if len(negative):
            row = int(np.searchsorted(offset, negative[0], side="right")) - 1
            raise Wrong(name, "a number is negative", row)
        return _Lists(offset, numbers)

    def sparse(self, name: str) -> dict[int, Any]:
        """Return the values of the rows that have any, as Python objects."""
        import pyarrow as pa

        column, array = self._get(name)
        types = {
            Shape.TOKENS: pa.map_(pa.int32(), pa.string()),
            Shape.CONTENTS: pa.map_(pa.int32(), pa.string()),
            Shape.NUMBERS: pa.map_(pa.int32(), pa.int64()),
            Shape.GIVEN: pa.list_(pa.int64()),
        }
        array = self._cast(column, array, types[column.shape])
        rows = np.flatnonzero(array.is_valid().to_numpy(zero_copy_only=False))
        found = array.take(pa.array(rows)).to_pylist()
        return dict(zip(rows.tolist(), found, strict=True))

    def maps(self, name: str) -> dict[int, dict[int, Any]]:
        """Return maps from indices of records."""
        found = {row: dict(sorted(pairs)) for row, pairs in self.sparse(name).items()}
        for row, of_row in found.items():
            for value in of_row.values():
                if value is None or (isinstance(value, int) and value < 0):
                    raise Wrong(name, f"{value!r} is no value", row)
        return found

    def named(self, name: str) -> dict[int, dict[int, int]]:
        """Return maps from indices of records to tokens."""
        return {row: {i: self.tokens(token) for i, token in of_row.items()} for row, of_row in self.maps(name).items()}

    def given(self, name: str) -> dict[int, list[int | None]]:
        """Return lists with an integer or None for each record."""
        found: dict[int, list[int | None]] = self.sparse(name)
        for row, of_row in found.items():
            if any(one is not None and one < 0 for one in of_row):
                raise Wrong(name, "a timestamp is negative", row)
        return found

    def contents(self, name: str) -> dict[int, dict[int, events.Content]]:
        """Return maps from indices of records to contents."""
        decode = msgspec.json.Decoder(events.Content).decode
        found: dict[int, dict[int, events.Content]] = {}
        for row, of_row in self.maps(name).items():
            try:
                found[row] = {index: decode(text or "") for index, text in of_row.items()}
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise Wrong(name, str(error), row) from error
        return found

    def _get(self, name: str) -> tuple[Column, Any]:
        import pyarrow as pa

        column = self._columns[name]
        chunked = self._table.column(name)
        array = pa.concat_arrays(chunked.chunks) if chunked.num_chunks else pa.array([], chunked.type)
        if column.required and array.null_count:
            row = int(np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))[0])
            raise Wrong(name, "it is null, but every row has one", row)
        return column, array

    def _cast(self, column: Column, array: Any, to: Any) -> Any:
        import pyarrow as pa

        if array.type == to:
            return array
        try:
            return array.cast(to)
        except (pa.ArrowException, ValueError) as error:
            raise Wrong(column.name, f"it holds {array.type}, not {to}, or what is out of its range") from error


def _history(rest: Rest, table: _Columns) -> History:
    operations, appends, reads = (table.values(columns) for columns in (OPERATIONS, APPENDS, READS))
    ended = table.numbers("ended", FOREVER)
    last = np.full(len(table), NONE, dtype=np.int32)
    for row, of_row in appends["fences"].items():
        last[row] = of_row[max(of_row)] if of_row else NONE
    return History(
        header=rest.header,
        **operations
        | {
            "ended": ended,
            "returned": np.where(operations["outcome"] == Outcome.INDEFINITE, FOREVER, ended),
            "part_of": _rows_of(operations["id"], operations["part_of"]),
        },
        appends=Appends(**appends, last_fence=last),
        reads=Reads(
            **reads | {"hashed": table.present("read_stream_hash"), "stream_hash": table.numbers("read_stream_hash", 0)}
        ),
        tokens=table.tokens.values,
        codes=table.codes.values,
        purposes=table.purposes.values,
        faults=rest.faults,
        remarks=rest.remarks,
        whole=rest.whole,
        warnings=rest.warnings,
    )


def _alike(names: list[str], columns: list[_Lists]) -> list[_Lists]:
    """Return columns of lists after checking that their lengths agree."""
    for name, column in zip(names, columns, strict=True):
        if not np.array_equal(column.offset, columns[0].offset):
            row = int(np.flatnonzero(np.diff(column.offset) != np.diff(columns[0].offset))[0])
            raise Wrong(name, f"its list is of another length than that of {names[0]}", row)
    return columns


def _one_of(names: dict[str, int]) -> Any:
    def number(name: str) -> int:
        if name not in names:
            raise KeyError(list(names))
        return names[name]

    return number


def _rows_of(ids: Int64s, ops: Int64s) -> Int64s:
    """Return the rows of operation ids; NONE for none. Raises Wrong for an unknown id."""
    found = np.where(ops == NONE, NONE, Ids(ids, np.arange(len(ids))).rows(ops))
    unknown = np.flatnonzero((found == NONE) & (ops != NONE))
    if len(unknown):
        raise Wrong("part_of", f"there is no operation {int(ops[unknown[0]])}", int(unknown[0]))
    return found
