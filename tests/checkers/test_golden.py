"""The golden histories, as they lie on disk: each is judged as it must be, and the oracle says so too."""

from __future__ import annotations

import pytest

from fencepost.checkers.anomalies import anomalies
from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.history.reader import read_history
from fencepost.testing import show
from tests.checkers.golden_case import FOLDER, Golden, misjudged
from tests.checkers.goldens import GOLDENS, content
from tests.checkers.oracle import explain
from tests.checkers.wgl import linearize

each = pytest.mark.parametrize("golden", GOLDENS, ids=[golden.name for golden in GOLDENS])


@each
def test_it_is_judged_as_it_must_be(golden: Golden) -> None:
    problem = misjudged(golden, Linearizability().check(read_history(golden.path)))
    assert problem is None, f"{problem}\n{show(golden.ops, golden.tail, golden.token)}"


@each
def test_both_oracles_say_the_same(golden: Golden) -> None:
    explained = explain(golden.ops, golden.tail, golden.token, unique=golden.unique) is not None
    assert explained == (golden.anomaly is None), show(golden.ops, golden.tail, golden.token)
    searched = linearize(golden.ops, golden.tail, golden.token, golden.unique) is not None
    assert searched == explained, show(golden.ops, golden.tail, golden.token)


@each
def test_the_journal_on_disk_is_this_history(golden: Golden) -> None:
    assert golden.path.read_bytes() == content(golden), "run python -m tests.checkers.goldens; look at the diff"


@each
def test_every_violation_says_what_was_broken_and_by_whom(golden: Golden) -> None:
    promises = {row.name: row.promise for row in anomalies()}
    ids = set(range(len(golden.ops) + sum(len(op.parts) for op in golden.ops)))
    for violation in Linearizability().check(read_history(golden.path)).violations:
        assert violation.promise == promises[violation.anomaly]
        assert violation.stream == "s"
        assert violation.operations
        assert {*violation.operations, *violation.context} <= ids
        assert all(sentence and sentence[0].isupper() | sentence.startswith("#") for sentence in violation.sentences)
        assert violation.sentences
        for edge in violation.edges:
            assert {edge.source, edge.target} <= ids
            assert edge.because


def test_there_is_one_for_every_anomaly() -> None:
    shown = {golden.anomaly for golden in GOLDENS} - {None}
    assert shown == {anomaly.name for anomaly in anomalies()}
    for anomaly in shown:
        assert any(golden.name.startswith(f"near-{anomaly}-") for golden in GOLDENS), anomaly


def test_there_is_nothing_else_in_the_folder() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {golden.path.name for golden in GOLDENS}
