"""Reads a history from a Parquet file, and names the column and row of any mistake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from .. import events
from ..columns import Interned
from ..consistency import contradiction, doubts
from ..evidence import MISMATCHES, Evidence
from ..failure import HistoryFailure
from ..history import FOREVER, NONE, Appends, History, Int64s, Kind, Outcome, Reads
from ..ids import Ids
from ..sources import most
from .answers import check_answers
from .layout import COLUMNS, METADATA, VERSION, Column, Rest, Shape
from .wrong import Wrong

_BATCH = 8192
"""Rows that are decoded at a time."""

_KINDS = {kind.label: kind.value for kind in Kind}
_OUTCOMES = {outcome.name.lower(): outcome.value for outcome in Outcome}


def read_parquet(data: bytes, name: str) -> History:
    """Return the history in a Parquet file; errors refer to it as ``name``. Raises :class:`HistoryFailure`."""
    try:
        rest, table = _opened(data)
        history = _history(rest, _Columns(table))
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
    """Reads the columns of the table one by one, each in its shape."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self.tokens = Interned("")
        self._columns = {column.name: column for column in COLUMNS}

    def __len__(self) -> int:
        return int(self._table.num_rows)

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
    codes, purposes = Interned(), Interned("")
    names = {stream.name: index for index, stream in enumerate(rest.header.streams)}
    ids, outcome = table.numbers("op"), table.texts("outcome", _one_of(_OUTCOMES)).astype(np.uint8)
    ended = table.numbers("ended", FOREVER)
    hashed = table.present("read_stream_hash")
    return History(
        header=rest.header,
        id=ids,
        process=table.numbers("process"),
        thread=table.numbers("thread"),
        stream=table.texts("stream", _one_of(names)).astype(np.int32),
        kind=table.texts("kind", _one_of(_KINDS)).astype(np.uint8),
        outcome=outcome,
        invoked=table.numbers("invoked"),
        intended=table.numbers("intended"),
        ended=ended,
        returned=np.where(outcome == Outcome.INDEFINITE, FOREVER, ended),
        status=table.numbers("status"),
        code=table.texts("code", codes).astype(np.int32),
        purpose=table.texts("purpose", purposes).astype(np.int32),
        session=table.numbers("session"),
        part_of=_rows_of(ids, table.numbers("part_of")),
        observed_tail=table.numbers("observed_tail"),
        observed_tail_timestamp=table.numbers("observed_tail_timestamp"),
        **{one.column: _mismatch(table, one) for one in MISMATCHES},
        appends=_appends(table),
        reads=_reads(table, hashed),
        tokens=table.tokens.values,
        codes=codes.values,
        purposes=purposes.values,
        faults=rest.faults,
        remarks=rest.remarks,
        whole=rest.whole,
        warnings=rest.warnings,
    )


def _mismatch(table: _Columns, one: Evidence) -> Any:
    return table.texts(one.column, table.tokens).astype(np.int32) if one.is_token else table.numbers(one.column)


def _appends(table: _Columns) -> Appends:
    fences = table.named("append_fences")
    last = np.full(len(table), NONE, dtype=np.int32)
    for row, of_row in fences.items():
        last[row] = of_row[max(of_row)] if of_row else NONE
    digests, sizes = _alike(table, "append_digests", "append_sizes")
    ends = ("start", "end", "tail")
    return Appends(
        match_seq_num=table.numbers("append_match_seq_num"),
        token=table.texts("append_fencing_token", table.tokens).astype(np.int32),
        offset=digests.offset,
        digest=digests.values,
        size=sizes.values,
        last_fence=last,
        **{end: table.numbers(f"append_{end}") for end in ends},
        **{f"{end}_timestamp": table.numbers(f"append_{end}_timestamp") for end in ends},
        fences=fences,
        trims=table.maps("append_trims"),
        timestamps=_given(table),
    )


def _reads(table: _Columns, hashed: Any) -> Reads:
    names = ("read_seq_nums", "read_timestamps", "read_digests", "read_sizes")
    seq_nums, timestamps, digests, sizes = _alike(table, *names)
    return Reads(
        from_seq_num=table.numbers("read_seq_num"),
        from_timestamp=table.numbers("read_timestamp"),
        tail_offset=table.numbers("read_tail_offset"),
        clamp=table.flags("read_clamp"),
        count=table.numbers("read_count"),
        bytes=table.numbers("read_bytes"),
        until=table.numbers("read_until"),
        wait=table.numbers("read_wait"),
        offset=seq_nums.offset,
        seq_num=seq_nums.values,
        timestamp=timestamps.values,
        digest=digests.values,
        size=sizes.values,
        tail=table.numbers("read_tail"),
        hashed=hashed,
        stream_hash=table.numbers("read_stream_hash", 0),
        fences=table.named("read_fences"),
        trims=table.maps("read_trims"),
        contents=_contents(table),
    )


def _contents(table: _Columns) -> dict[int, dict[int, events.Content]]:
    decode = msgspec.json.Decoder(events.Content).decode
    found: dict[int, dict[int, events.Content]] = {}
    for row, of_row in table.maps("read_contents").items():
        try:
            found[row] = {index: decode(text or "") for index, text in of_row.items()}
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Wrong("read_contents", str(error), row) from error
    return found


def _alike(table: _Columns, *names: str) -> list[_Lists]:
    """Return columns of lists after checking that their lengths agree."""
    columns = [table.lists(name) for name in names]
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


def _given(table: _Columns) -> dict[int, list[int | None]]:
    found: dict[int, list[int | None]] = table.sparse("append_timestamps")
    for row, of_row in found.items():
        if any(one is not None and one < 0 for one in of_row):
            raise Wrong("append_timestamps", "a timestamp is negative", row)
    return found
