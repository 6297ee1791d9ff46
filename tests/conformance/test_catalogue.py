"""Every clause is tested, or it is written down why not."""

from __future__ import annotations

import pytest
from docs.generate import clauses, plain

from fencepost.harness.conformance.catalogue import CaseRow, cases
from fencepost.harness.conformance.reasons import REASONS
from fencepost.harness.server.bugs import BUGS
from fencepost.harness.server.bugs.registry import bug
from fencepost.harness.server.rules import StreamRules


def test_every_clause_has_a_case_or_a_reason() -> None:
    tested = {case.clause for case in cases()}
    assert tested | REASONS.keys() == clauses().keys()
    assert not tested & REASONS.keys(), "these have cases: what is the reason for?"


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_case_quotes_its_clause(case: CaseRow) -> None:
    assert plain(case.quote) in clauses()[case.clause]


def test_most_clauses_are_shown_from_several_sides() -> None:
    kinds: dict[str, set[str]] = {}
    for case in cases():
        kinds.setdefault(case.clause, set()).add(case.kind)
    assert {kind for found in kinds.values() for kind in found} == {"positive", "negative", "boundary"}
    # What is gone stays gone: there is nothing to refuse, and no edge.
    assert {clause for clause, found in kinds.items() if len(found) < 2} <= {"V2"}


def test_every_seeded_bug_names_a_clause_or_says_why_not() -> None:
    tested = {case.clause for case in cases()}
    assert {row.clause for row in BUGS.values() if row.clause} <= tested
    for given in ({}, {"clause": "A4", "beyond": "a race"}):
        with pytest.raises(ValueError, match="names the clause"):
            bug("new", breaks="x", anomaly="x", workload="x", **given)(StreamRules)
    assert "new" not in BUGS
