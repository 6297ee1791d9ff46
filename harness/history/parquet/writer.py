"""Writes a history as a Parquet file."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from ..evidence import MISMATCHES
from ..history import FOREVER, NONE, History, Kind, Outcome
from .layout import COLUMNS, METADATA, VERSION, Column, Rest, Shape


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
    appends, reads, tokens = history.appends, history.reads, history.tokens
    part_of = np.where(history.part_of == NONE, NONE, history.id[history.part_of]) if len(history) else history.part_of
    ended = np.where(history.ended == FOREVER, NONE, history.ended)
    return {
        "op": history.id,
        "process": history.process,
        "thread": history.thread,
        "stream": (history.stream, [stream.name for stream in history.header.streams]),
        "kind": (history.kind, [kind.label for kind in Kind]),
        "outcome": (history.outcome, [outcome.name.lower() for outcome in Outcome]),
        "invoked": history.invoked,
        "intended": history.intended,
        "ended": ended,
        "status": history.status,
        "code": (history.code, history.codes),
        "purpose": (history.purpose, history.purposes),
        "session": history.session,
        "part_of": part_of,
        "observed_tail": history.observed_tail,
        "observed_tail_timestamp": history.observed_tail_timestamp,
        **{
            one.column: (getattr(history, one.column), tokens) if one.is_token else getattr(history, one.column)
            for one in MISMATCHES
        },
        "append_match_seq_num": appends.match_seq_num,
        "append_fencing_token": (appends.token, tokens),
        "append_start": appends.start,
        "append_start_timestamp": appends.start_timestamp,
        "append_end": appends.end,
        "append_end_timestamp": appends.end_timestamp,
        "append_tail": appends.tail,
        "append_tail_timestamp": appends.tail_timestamp,
        "append_digests": (appends.offset, appends.digest),
        "append_sizes": (appends.offset, appends.size),
        "append_fences": _named(appends.fences, tokens),
        "append_trims": appends.trims,
        "append_timestamps": appends.timestamps,
        "read_seq_num": reads.from_seq_num,
        "read_timestamp": reads.from_timestamp,
        "read_tail_offset": reads.tail_offset,
        "read_clamp": reads.clamp,
        "read_count": reads.count,
        "read_bytes": reads.bytes,
        "read_until": reads.until,
        "read_wait": reads.wait,
        "read_tail": reads.tail,
        "read_stream_hash": (reads.stream_hash, reads.hashed),
        "read_seq_nums": (reads.offset, reads.seq_num),
        "read_timestamps": (reads.offset, reads.timestamp),
        "read_digests": (reads.offset, reads.digest),
        "read_sizes": (reads.offset, reads.size),
        "read_fences": _named(reads.fences, tokens),
        "read_trims": reads.trims,
        "read_contents": {
            row: {index: msgspec.json.encode(content).decode() for index, content in contents.items()}
            for row, contents in reads.contents.items()
        },
    }


def _named(fences: dict[int, dict[int, int]], tokens: list[str]) -> dict[int, dict[int, str]]:
    return {row: {index: tokens[token] for index, token in of_row.items()} for row, of_row in fences.items()}


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
        Shape.NUMBERS: pa.map_(pa.int32(), pa.int64()),
        Shape.GIVEN: pa.list_(pa.int64()),
    }
    filled: list[Any] = [None] * rows
    for row, of_row in values.items():
        filled[row] = list(of_row.items()) if isinstance(of_row, dict) else of_row
    return pa.array(filled, types[column.shape])
