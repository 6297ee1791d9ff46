"""Writes a history as a Parquet file."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from ..history import FOREVER, NONE, History, Kind, Outcome
from .layout import APPENDS, COLUMNS, METADATA, OPERATIONS, READS, VERSION, Column, Rest, Shape


def parquet(history: History) -> bytes:
    """Return the bytes of the file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    values = _values(history)
    arrays = [_array(pa, column, values[column.name], len(history)) for column in COLUMNS]
    rest = Rest(VERSION, history.header, history.faults, history.remarks, history.whole, history.warnings)
    schema = pa.schema(
        [pa.field(column.name, array.type) for column, array in zip(COLUMNS, arrays, strict=True)],
        metadata={METADATA: msgspec.json.encode(rest)},
    )
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(arrays, schema=schema), sink, compression="zstd")
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def _values(history: History) -> dict[str, Any]:
    """Return what each column is made of: numbers, (indices, names), (offsets, numbers), or a map of rows."""
    appends, reads = history.appends, history.reads
    values = _group(history, history, OPERATIONS) | _group(history, appends, APPENDS) | _group(history, reads, READS)
    values["ended"] = np.where(history.ended == FOREVER, NONE, history.ended)
    if len(history):
        values["part_of"] = np.where(history.part_of == NONE, NONE, history.id[history.part_of])
    values["read_stream_hash"] = (reads.stream_hash, reads.hashed)
    return values


def _group(history: History, part: Any, columns: tuple[Column, ...]) -> dict[str, Any]:
    texts = {
        "stream": [stream.name for stream in history.header.streams],
        "kind": [kind.label for kind in Kind],
        "outcome": [outcome.name.lower() for outcome in Outcome],
        "code": history.codes,
        "purpose": history.purposes,
    }

    def value(column: Column) -> Any:
        found = getattr(part, column.source)
        match column.shape:
            case Shape.TEXT:
                return found, texts.get(column.name, history.tokens)
            case Shape.RECORDS:
                return part.offset, found
            case Shape.TOKENS:
                return {row: {i: history.tokens[token] for i, token in of_row.items()} for row, of_row in found.items()}
            case Shape.CONTENTS:
                return {row: {i: _json(one) for i, one in of_row.items()} for row, of_row in found.items()}
        return found

    return {column.name: value(column) for column in columns}


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _array(pa: Any, column: Column, values: Any, rows: int) -> Any:
    dtype = getattr(pa, column.dtype)()
    if column.name == "read_stream_hash":
        numbers, there = values
        return pa.array(numbers, dtype, mask=~there)
    match column.shape:
        case Shape.NUMBER:
            return pa.array(values, dtype, mask=values == NONE)
        case Shape.FLAG:
            return pa.array(values)
        case Shape.TEXT:
            indices, names = values
            missing = indices.astype(np.int32) == NONE
            return pa.DictionaryArray.from_arrays(
                pa.array(indices.astype(np.int32), mask=missing), pa.array(names, pa.string())
            )
        case Shape.RECORDS:
            offset, numbers = values
            return pa.LargeListArray.from_arrays(pa.array(offset, pa.int64()), pa.array(numbers, dtype))
    types = {
        Shape.TOKENS: pa.map_(pa.int32(), pa.string()),
        Shape.CONTENTS: pa.map_(pa.int32(), pa.string()),
        Shape.NUMBERS: pa.map_(pa.int32(), pa.int64()),
        Shape.GIVEN: pa.list_(pa.int64()),
    }
    filled: list[Any] = [None] * rows
    for row, of_row in values.items():
        filled[row] = list(of_row.items()) if isinstance(of_row, dict) else of_row
    return pa.array(filled, types[column.shape])
