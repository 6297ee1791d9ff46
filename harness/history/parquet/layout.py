"""The columns of a Parquet history: their names, types and meanings, in one table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from msgspec import Struct

from .. import events
from ..evidence import MISMATCHES
from ..kinds import Kind

VERSION: Final = 1
"""The version of the layout."""

METADATA: Final = b"fencepost"
"""The key of the file's metadata that holds :class:`Rest` as JSON."""


class Shape(Enum):
    """What a column holds per row."""

    NUMBER = auto()
    """An integer; null where there is none."""
    TEXT = auto()
    """A string; null where there is none."""
    FLAG = auto()
    """True or false."""
    RECORDS = auto()
    """A list of integers, one a record."""
    TOKENS = auto()
    """A map from the index of a record to a string; null where there is none."""
    NUMBERS = auto()
    """A map from the index of a record to an integer; null where there is none."""
    GIVEN = auto()
    """A list of integers and nulls, one a record; null where there is none."""
    CONTENTS = auto()
    """A map from the index of a record to its content as JSON; null where there is none."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file.

    ``source`` is the attribute of the history, or of its appends or reads, that it is made of (if another than its
    name). ``dtype`` is numpy's and Arrow's name for the integers there: for texts, for their numbers.
    """

    name: str
    shape: Shape
    meaning: str
    dtype: str = "int64"
    required: bool = False
    source: str = ""


def _number(name: str, meaning: str, dtype: str = "int64", required: bool = False, source: str = "") -> Column:
    return Column(name, Shape.NUMBER, meaning, dtype, required, source)


def _text(name: str, meaning: str, required: bool = False, source: str = "", dtype: str = "int32") -> Column:
    return Column(name, Shape.TEXT, meaning, dtype, required, source)


def _group(prefix: str, *columns: Column) -> tuple[Column, ...]:
    return tuple(
        replace(column, name=f"{prefix}{column.name}", source=column.source or column.name) for column in columns
    )


OPERATIONS: Final = _group(
    "",
    _number("op", "the operation's id", required=True, source="id"),
    _number("process", "who", "int32", required=True),
    _number("thread", "the client thread", "int32"),
    _text("stream", "where", required=True),
    _text("kind", "one of " + ", ".join(f"`{kind.label}`" for kind in Kind), required=True, dtype="uint8"),
    _text("outcome", "`ok`, `failed` or `indefinite`", required=True, dtype="uint8"),
    _number("invoked", "when, ns", required=True),
    _number("intended", "when it should have begun, ns", required=True),
    _number("ended", "when its client had an answer or gave up, ns; null if never"),
    _number("status", "the HTTP status of a failure", "int32"),
    _text("code", "the error code of a failure, or the reason of an indefinite end"),
    _text("purpose", "the workload's label", required=True),
    _number("session", "the session that it is of"),
    _number("part_of", "of a frame, the op of the read that it is a part of the answer to"),
    _number("observed_tail", "the exact tail that a check-tail, a 416 or a read of the whole stream reported"),
    _number("observed_tail_timestamp", "its timestamp, ms"),
    *(
        (_text if one.is_token else _number)(one.column, f"the {one.noun} that a {one.status} named")
        for one in MISMATCHES
    ),
)

APPENDS: Final = _group(
    "append_",
    _number("match_seq_num", "the condition, if given"),
    _text("fencing_token", "the condition, if given", source="token"),
    *(
        column
        for end in ("start", "end", "tail")
        for column in (
            _number(end, f"the {end} that was acknowledged, a seq_num"),
            _number(f"{end}_timestamp", "its timestamp, ms"),
        )
    ),
    Column("digests", Shape.RECORDS, "the contents of the records sent", "uint64", required=True, source="digest"),
    Column("sizes", Shape.RECORDS, "their metered sizes", "int32", required=True, source="size"),
    Column("fences", Shape.TOKENS, "the fence commands and their tokens"),
    Column("trims", Shape.NUMBERS, "the trim commands and their seq_nums"),
    Column("timestamps", Shape.GIVEN, "the timestamps that the client gave, ms"),
)

READS: Final = _group(
    "read_",
    _number("seq_num", "start at this seq_num", source="from_seq_num"),
    _number("timestamp", "start at this timestamp, ms", source="from_timestamp"),
    _number("tail_offset", "start so many records before the tail"),
    Column("clamp", Shape.FLAG, "a start beyond the tail means the tail", required=True),
    _number("count", "at most so many records"),
    _number("bytes", "at most so many metered bytes"),
    _number("until", "only records below this timestamp, ms"),
    _number("wait", "how long to wait, s"),
    _number("tail", "the tail in a follower's answer"),
    _number("stream_hash", "the chained hash of a read of the whole stream", "uint64"),
    Column("seq_nums", Shape.RECORDS, "where the returned records are", required=True, source="seq_num"),
    Column("timestamps", Shape.RECORDS, "their timestamps, ms", required=True, source="timestamp"),
    Column("digests", Shape.RECORDS, "their contents", "uint64", required=True, source="digest"),
    Column("sizes", Shape.RECORDS, "their metered sizes", "int32", required=True, source="size"),
    Column("fences", Shape.TOKENS, "the returned fence commands"),
    Column("trims", Shape.NUMBERS, "the returned trim commands"),
    Column("contents", Shape.CONTENTS, "the contents, as JSON, of records that nobody here had sent"),
)

COLUMNS: Final = (*OPERATIONS, *APPENDS, *READS)


class Rest(Struct, frozen=True):
    """Everything that is not a column, kept in the file's metadata."""

    layout: int
    header: events.Header
    faults: list[events.Fault]
    remarks: list[events.Remark]
    whole: bool
    warnings: list[str]
