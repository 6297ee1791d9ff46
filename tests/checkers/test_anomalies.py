"""The table of anomalies quotes the description of what a stream promises, word for word."""

from __future__ import annotations

import re
from pathlib import Path

from fencepost.checkers.anomalies import anomalies, telling
from fencepost.checkers.linearizability import Linearizability

SEMANTICS = Path(__file__).parents[2] / "docs" / "semantics.md"


def test_every_promise_is_a_quotation() -> None:
    text = re.sub(r"\s+", " ", re.sub(r"[*`]", "", SEMANTICS.read_text()))
    assert [row.name for row in anomalies() if row.promise not in text] == []


def test_names_are_unique_and_every_row_says_something() -> None:
    assert len({row.name for row in anomalies()}) == len(anomalies())
    assert all(row.definition and row.rule for row in anomalies())
    assert Linearizability().anomalies == anomalies()
    assert len({one.RANK for one in telling()}) == len(telling())
