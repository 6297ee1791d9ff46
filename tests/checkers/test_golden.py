"""The golden histories, as they lie on disk: each is judged as it must be, and the oracle says so too."""

from __future__ import annotations

import pytest

from fencepost.checkers.anomalies import anomalies
from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.history.reader import read_history
from fencepost.testing import show
from tests.checkers.claim_checks import unfounded
from tests.checkers.golden_case import FOLDER, Golden, misjudged
from tests.checkers.goldens import GOLDENS, content
from tests.checkers.oracle import explain
from tests.checkers.relaxation import faults
from tests.checkers.stories import Story
from tests.checkers.told import misleading
from tests.checkers.wgl import linearize

each = pytest.mark.parametrize("golden", GOLDENS, ids=[golden.name for golden in GOLDENS])


@each
def test_it_is_judged_as_it_must_be_and_every_violation_is_a_minimal_proof_that_says_so(golden: Golden) -> None:
    judged = read_history(golden.path)
    result = Linearizability().check(judged)
    problem = misjudged(golden, result)
    assert problem is None, f"{problem}\n{show(golden.ops, golden.tail, golden.token)}"
    assert faults(Story(golden.ops, golden.tail, golden.token, golden.name), result.violations) == []
    assert unfounded(golden.path.read_bytes(), result.violations) is None
    promises = {row.name: row.promise for row in anomalies()}
    for violation in result.violations:
        assert misleading(judged, violation) is None
        assert violation.promise == promises[violation.anomaly]
        assert violation.stream == "s"
        assert all(sentence and sentence[0].isupper() | sentence.startswith("#") for sentence in violation.sentences)


def test_both_oracles_say_the_same() -> None:
    for golden in GOLDENS:
        explained = explain(golden.ops, golden.tail, golden.token, unique=golden.unique) is not None
        assert explained == (golden.anomaly is None), f"{golden.name}\n{show(golden.ops, golden.tail, golden.token)}"
        searched = linearize(golden.ops, golden.tail, golden.token, golden.unique) is not None
        assert searched == explained, f"{golden.name}\n{show(golden.ops, golden.tail, golden.token)}"


def test_the_journals_on_disk_are_these_histories() -> None:
    changed = [golden.name for golden in GOLDENS if golden.path.read_bytes() != content(golden)]
    assert not changed, "run python -m tests.checkers.goldens; look at the diff"


def test_there_is_one_for_every_anomaly() -> None:
    shown = {golden.anomaly for golden in GOLDENS} - {None}
    assert shown == {anomaly.name for anomaly in anomalies()}
    for anomaly in shown:
        assert any(golden.name.startswith(f"near-{anomaly}-") for golden in GOLDENS), anomaly


def test_there_is_nothing_else_in_the_folder() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {golden.path.name for golden in GOLDENS}
