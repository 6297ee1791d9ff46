"""The documents say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docs.generate import PAGE, clause, clauses, page

from fencepost.harness.judge import anomalies
from fencepost.harness.verdict import Anomaly

ROOT = Path(__file__).parent.parent


def test_the_reference_is_what_the_tables_say() -> None:
    assert PAGE.read_text() == page(), "docs/reference.md is out of date: run python -m docs.generate"


@pytest.mark.parametrize("anomaly", anomalies(), ids=lambda row: row.name)
def test_a_promise_is_quoted_from_one_numbered_clause(anomaly: Anomaly) -> None:
    assert clause(anomaly.promise) in clauses()


def test_clauses_are_numbered_without_gaps() -> None:
    numbers: dict[str, list[int]] = {}
    for name in clauses():
        numbers.setdefault(name[0], []).append(int(name[1:]))
    assert len(numbers) >= 7
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values()), numbers


@pytest.mark.parametrize("document", [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("results/*.md")], ids=str)
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
