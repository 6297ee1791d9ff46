"""The table of anomalies quotes the description of what a stream promises, word for word."""

from __future__ import annotations

import re
from pathlib import Path

from fencepost.checkers.anomalies import ANOMALIES, BY_NAME
from fencepost.checkers.linearizability import Linearizability

SEMANTICS = Path(__file__).parents[2] / "docs" / "semantics.md"


def test_every_promise_is_a_quotation() -> None:
    text = re.sub(r"\s+", " ", re.sub(r"[*`]", "", SEMANTICS.read_text()))
    assert [row.name for row in ANOMALIES if row.promise not in text] == []


def test_names_are_unique_and_every_row_says_something() -> None:
    assert len(BY_NAME) == len(ANOMALIES)
    assert all(row.definition and row.rule for row in ANOMALIES)
    assert Linearizability().anomalies is ANOMALIES
