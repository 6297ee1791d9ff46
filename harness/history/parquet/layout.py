"""The columns of a Parquet history: their names, types and meanings, in one table."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file. ``dtype`` is Arrow's name for the integers in it."""

    name: str
    shape: Shape
    meaning: str
    dtype: str = "int64"
    required: bool = False


def _number(name: str, meaning: str, dtype: str = "int64", required: bool = False) -> Column:
    return Column(name, Shape.NUMBER, meaning, dtype, required)


OPERATIONS: Final = (
    _number("op", "the operation's id", required=True),
    _number("process", "who", "int32", required=True),
    _number("thread", "the client thread", "int32"),
    Column("stream", Shape.TEXT, "where", required=True),
    Column("kind", Shape.TEXT, "one of " + ", ".join(f"`{kind.label}`" for kind in Kind), required=True),
    Column("outcome", Shape.TEXT, "`ok`, `failed` or `indefinite`", required=True),
    _number("invoked", "when, ns", required=True),
    _number("intended", "when it should have begun, ns", required=True),
    _number("ended", "when its client had an answer or gave up, ns; null if never"),
    _number("status", "the HTTP status of a failure", "int32"),
    Column("code", Shape.TEXT, "the error code of a failure, or the reason of an indefinite end"),
    Column("purpose", Shape.TEXT, "the workload's label", required=True),
    _number("session", "the session that it is of"),
    _number("part_of", "of a frame, the op of the read that it is a part of the answer to"),
    _number("observed_tail", "the exact tail that a check-tail, a 416 or a read of the whole stream reported"),
    _number("observed_tail_timestamp", "its timestamp, ms"),
    *(
        Column(one.column, Shape.TEXT if one.is_token else Shape.NUMBER, f"the {one.noun} that a {one.status} named")
        for one in MISMATCHES
    ),
)

APPENDS: Final = (
    _number("append_match_seq_num", "the condition, if given"),
    Column("append_fencing_token", Shape.TEXT, "the condition, if given"),
    *(
        column
        for end in ("start", "end", "tail")
        for column in (
            _number(f"append_{end}", f"the {end} that was acknowledged, a seq_num"),
            _number(f"append_{end}_timestamp", "its timestamp, ms"),
        )
    ),
    Column("append_digests", Shape.RECORDS, "the contents of the records sent", "uint64", required=True),
    Column("append_sizes", Shape.RECORDS, "their metered sizes", "int32", required=True),
    Column("append_fences", Shape.TOKENS, "the fence commands and their tokens"),
    Column("append_trims", Shape.NUMBERS, "the trim commands and their seq_nums"),
    Column("append_timestamps", Shape.GIVEN, "the timestamps that the client gave, ms"),
)

READS: Final = (
    _number("read_seq_num", "start at this seq_num"),
    _number("read_timestamp", "start at this timestamp, ms"),
    _number("read_tail_offset", "start so many records before the tail"),
    Column("read_clamp", Shape.FLAG, "a start beyond the tail means the tail", required=True),
    _number("read_count", "at most so many records"),
    _number("read_bytes", "at most so many metered bytes"),
    _number("read_until", "only records below this timestamp, ms"),
    _number("read_wait", "how long to wait, s"),
    _number("read_tail", "the tail in a follower's answer"),
    _number("read_stream_hash", "the chained hash of a read of the whole stream", "uint64"),
    Column("read_seq_nums", Shape.RECORDS, "where the returned records are", required=True),
    Column("read_timestamps", Shape.RECORDS, "their timestamps, ms", required=True),
    Column("read_digests", Shape.RECORDS, "their contents", "uint64", required=True),
    Column("read_sizes", Shape.RECORDS, "their metered sizes", "int32", required=True),
    Column("read_fences", Shape.TOKENS, "the returned fence commands"),
    Column("read_trims", Shape.NUMBERS, "the returned trim commands"),
    Column("read_contents", Shape.TOKENS, "the contents, as JSON, of records that nobody here had sent"),
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
