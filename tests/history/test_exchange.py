"""docs/exchange.md says what the code does: the Parquet columns, the example, the losses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.history.parquet.layout import COLUMNS, Column, Shape
from fencepost.harness.history.problems import examine
from fencepost.harness.history.reader import parse_history
from fencepost.harness.verdict import Validity

PAGE = Path(__file__).parents[2] / "docs" / "exchange.md"
TEXT = PAGE.read_text()

LOG = """\
0.5 1.0 0 append a,b at 0
0.7 1.2 1 append c at 2
1.3 1.4 2 read a,b,c
1.5 2.5 1 append d lost
2.6 2.7 2 read a,b,c,d
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def type_of(column: Column) -> str:
    plain = {
        Shape.TEXT: "string",
        Shape.FLAG: "boolean",
        Shape.TOKENS: "map: int32 → string",
        Shape.NUMBERS: "map: int32 → int64",
        Shape.GIVEN: "list of int64",
        Shape.CONTENTS: "map: int32 → string",
        Shape.RECORDS: f"list of {column.dtype}",
        Shape.NUMBER: column.dtype,
    }
    return plain[column.shape]


def test_every_column_is_documented() -> None:
    rows = TEXT.split("| column | type | meaning |\n|---|---|---|\n")[1].splitlines()
    assert rows == [f"| `{column.name}` | {type_of(column)} | {column.meaning} |" for column in COLUMNS]


@pytest.mark.parametrize(
    ("log", "validity"),
    [
        (LOG, Validity.VALID),
        (LOG.replace("2 read a,b,c\n", "2 read a,b\n"), Validity.INVALID),
        (LOG.replace("read a,b,c,d", "read a,b,d,c"), Validity.INVALID),
        ("", Validity.UNKNOWN),
    ],
)
def test_the_example_turns_a_log_into_a_history(log: str, validity: Validity) -> None:
    (program,) = blocks("python")
    names: dict[str, Any] = {}
    exec(compile(program, str(PAGE), "exec"), names)
    data = "".join(line + "\n" for line in names["history"](log.splitlines())).encode()
    examined = examine(data, "f")
    assert not examined.wrong
    assert examined.history is not None
    assert len(examined.history) == len(log.splitlines())
    assert Linearizability().check(examined.history).validity is validity


def test_the_lines_of_the_other_format_are_read() -> None:
    (lines,) = blocks("json")
    history = parse_history(lines.encode(), "f")
    assert history.operation(0).ack == (4, 5, 5)
    assert history.reads.stream_hash[1] == 99
