"""A history as a Parquet file is the same history, and what is wrong with a bad file is told."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fencepost.harness.history import sources
from fencepost.harness.history.failure import HistoryFailure
from fencepost.harness.history.history import History
from fencepost.harness.history.parquet.layout import COLUMNS, METADATA
from fencepost.harness.history.parquet.writer import parquet
from fencepost.harness.history.reader import parse_history
from fencepost.harness.history.writer import journal
from fencepost.testing import append, check_tail, history, read

from .events_at_random import plain, random_history

HISTORY = history(
    append(0, 1, 4, "a fence=é", match=0, ack=0),
    append(1, 2, None, "b trim=1"),
    read(2, 5, 6, 0, saw="a fence=é strange"),
    append(0, 7, 8, "c@999", match=1, token="", fence="é"),
    append(0, 9, 10, "d", match=1, tail=2),
    check_tail(2, 9, 12, 2),
    read(2, 13, 15, 9, tail=2),
)
DATA = parquet(HISTORY)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False))
def test_a_journal_and_a_parquet_file_hold_the_same(random: Random) -> None:
    first = random_history(random)
    second = parse_history(parquet(first), "parquet")
    third = parse_history(b"".join(journal(second)), "journal")
    # A journal's reader adds what it finds odd; the file holds no warnings then.
    for found in (second, third):
        assert plain(found) | {"warnings": []} == plain(first) | {"warnings": []}


def test_other_tools_find_plain_columns() -> None:
    table = pq.read_table(pa.BufferReader(DATA))
    assert table.schema.names == [column.name for column in COLUMNS]
    rows = table.to_pylist()
    assert rows[0]["kind"] == "append"
    assert rows[0]["append_fences"] == [(1, "é")]
    assert rows[1]["ended"] is None
    assert rows[2]["read_seq_nums"] == [0, 1, 2]
    assert rows[3]["token_mismatch"] == "é"
    assert rows[3]["append_fencing_token"] == ""
    assert rows[0]["append_fencing_token"] is None


def refusal(table: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    with pytest.raises(HistoryFailure) as caught:
        parse_history(sink.getvalue().to_pybytes(), "f")
    return str(caught.value)


def changed(name: str, row: int, value: Any) -> pa.Table:
    """The file with one value replaced."""
    table = pq.read_table(pa.BufferReader(DATA))
    index = table.schema.get_field_index(name)
    values = table.column(name).to_pylist()
    values[row] = value
    type_ = pa.string() if pa.types.is_dictionary(table.column(name).type) else table.column(name).type
    return table.set_column(index, name, pa.array(values, type_))


@pytest.mark.parametrize(
    ("name", "row", "value", "what"),
    [
        ("op", 1, 0, "row 1: op: operation 0 was invoked before"),
        ("op", 1, None, "row 1: op: it is null"),
        ("process", 2, -1, "row 2: process: it is negative"),
        ("stream", 2, "t", "row 2: stream: 't' is none of s"),
        ("kind", 2, "vote", "row 2: kind: 'vote' is none of append, read, check-tail"),
        ("outcome", 2, None, "row 2: outcome: it is null"),
        ("outcome", 1, "ok", "row 1: append_start: appends that succeeded"),
        ("ended", 0, None, "row 0: ended: operation 0 has no time at which it returned"),
        ("invoked", 1, 0, "row 1: invoked: operation 1 was invoked at 0 ns, but operation 0"),
        ("ended", 0, 0, "row 0: ended: operation 0 returned before it was invoked"),
        ("status", 3, 429, "row 3: status: it is not 412"),
        ("status", 3, 41, "row 3: status: it is not from 100"),
        ("append_start", 0, None, "row 0: append_start: appends that succeeded"),
        ("append_start", 2, 5, "row 2: append_start: appends that succeeded"),
        ("append_start", 0, -7, "row 0: append_start: it is negative"),
        ("append_digests", 0, [1], "row 0: append_sizes: its list is of another length"),
        ("append_sizes", 0, [1, -1], "row 0: append_sizes: a number is negative"),
        ("append_fences", 0, [(2, "x")], "row 0: append_fences: the index 2 is not one of 2"),
        ("append_trims", 1, [(1, -1)], "row 1: append_trims: -1 is no value"),
        ("append_timestamps", 3, [1, 2], "row 3: append_timestamps: 1 digests, but 2 timestamps"),
        ("observed_tail", 5, None, "row 5: observed_tail:"),
        ("observed_tail", 0, 5, "row 0: observed_tail:"),
        ("read_stream_hash", 0, 5, "row 0: observed_tail:"),
        ("part_of", 5, 77, "row 5: part_of: there is no operation 77"),
        ("part_of", 5, 0, "row 5: part_of: a frame is a part"),
        ("read_contents", 2, [(2, "{")], "row 2: read_contents:"),
        ("process", 3, 1, "row 3: process: process 1 invoked operation 3"),
    ],
)
def test_what_is_wrong_is_told_with_its_column_and_row(name: str, row: int, value: Any, what: str) -> None:
    assert refusal(changed(name, row, value)).startswith(f"f: {what}")


def test_of_the_file() -> None:
    table = pq.read_table(pa.BufferReader(DATA))
    assert "kind: there is no such column" in refusal(table.drop_columns(["kind"]))
    assert "metadata has no 'fencepost'" in refusal(table.replace_schema_metadata({}))
    rest = msgspec.json.decode(table.schema.metadata[METADATA])
    later = msgspec.json.encode(rest | {"layout": 2})
    assert "the layout is of version 2" in refusal(table.replace_schema_metadata({METADATA: later}))
    assert "the metadata:" in refusal(table.replace_schema_metadata({METADATA: b"{}"}))
    text = table.set_column(0, "op", pa.array(["x"] * len(table)))
    assert "op: it holds string, not int64" in refusal(text)


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_damaged_file_is_one_error_or_a_history(random: Random) -> None:
    data = bytearray(DATA)
    for _ in range(random.choice((1, 3))):
        data[random.randrange(4, len(data))] = random.randrange(256)
    found: History | str
    try:
        found = parse_history(bytes(data[: random.choice((len(data), random.randrange(4, len(data))))]), "f")
    except HistoryFailure as failure:
        found = str(failure)
    assert isinstance(found, History) or found.startswith("f: ")


def test_a_file_whose_columns_are_far_larger_than_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, a column of one number a billion times, a few bytes long, was read."""
    table = pq.read_table(pa.BufferReader(DATA))
    many = pa.table([pa.array([0] * 300_000)], names=["op"]).replace_schema_metadata(table.schema.metadata)
    monkeypatch.setattr(sources, "ALWAYS_ALLOWED", 1 << 20)
    assert "its columns have more than 1,048,576 bytes once decompressed, the most for its size" in refusal(many)


def test_damaged_statistics_of_a_column_do_not_abort_the_process() -> None:
    """pyarrow ends the process where it is asked for the metadata of one such column."""
    random = Random(516)
    data = bytearray(DATA)
    for _ in range(random.choice((1, 3))):
        data[random.randrange(4, len(data))] = random.randrange(256)
    assert data != DATA
    with pytest.raises(HistoryFailure, match=r"^f: "):
        parse_history(bytes(data), "f")


def test_a_file_that_was_cut_is_none() -> None:
    for length in (4, 6, 100, len(DATA) - 1):
        with pytest.raises(HistoryFailure, match=r"^f: the file: this is no whole Parquet file"):
            parse_history(DATA[:length], "f")
