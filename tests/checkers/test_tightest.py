"""Why a search found no order: the operation that none got past, and why it was refused where it could have stood."""

from __future__ import annotations

import re
from random import Random

import numpy as np
import pytest

from fencepost.checkers.explanation.sentences import Narrator
from fencepost.checkers.kernel import log, spec
from fencepost.checkers.kernel.budget import Spending
from fencepost.checkers.kernel.columns import listed, requirements, rows_of
from fencepost.checkers.kernel.exhaust import Exhausted, exhaust
from fencepost.checkers.linearizability import Linearizability, decide
from fencepost.checkers.linearizability.tightest import MOST, Tightest, tightest
from fencepost.harness.check_limits import Budget, CheckLimits
from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import CheckResult, Validity
from fencepost.testing import Op, append, check_tail, history
from tests.checkers.claim_checks import unfounded
from tests.checkers.damage import story_of
from tests.checkers.partitions import hard, spoiled, three_partition, triples
from tests.checkers.stories import ALL


def searched(*ops: Op, token: str = "") -> CheckResult:
    """What is said where nothing is refuted, so that a search has to find out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decide, "refute", lambda *_: None)
        return Linearizability(minimal=False).check(history(*ops, token=token))


def test_an_operation_that_no_order_reaches_is_named_with_the_tail_that_it_needs() -> None:
    """Single records stand after each 43; the lost appends that are left do not fill the third stretch."""
    result = Linearizability().check(history(*three_partition(spoiled(triples(Random(1), 5, 43)), 5)))
    (violation,) = result.violations
    assert violation.accused == (18,)
    assert re.fullmatch(
        r"An acknowledgement cannot be true: every order of these operations was tried \([1-9]\d* states\), and none "
        r"explains all answers; no order that was tried has a place for append #18, which names the tail 175: "
        r"none that was tried goes on from the tail 132 to 175\.",
        violation.sentences[0],
    )
    assert [(one.tail, one.refused) for one in result.explained] == [(132, 18)]


ACKED = [append(0, 10 * i + 1, 10 * i + 2, "abcd"[i], ack=i) for i in range(4)]


def test_each_tail_at_which_it_could_have_stood_is_told_with_the_reason() -> None:
    refused = append(1, 5, 25, "z", token="", failed="condition", status=412)
    (violation,) = searched(*ACKED, refused).violations
    assert violation.accused == (1,)
    assert violation.sentences[0].endswith(
        "no order that was tried has a place for append #1: "
        "at the tails 1 to 3 it was refused where all that it asked for held."
    )


def test_an_answer_that_comes_too_late_for_its_tail_is_told_with_what_comes_first() -> None:
    (violation,) = searched(*ACKED, check_tail(1, 15, 25, 1)).violations
    assert violation.accused == (2,)
    assert violation.sentences[0].endswith(
        "no order that was tried has a place for check-tail #2, which names the tail 1: "
        "the stream cannot leave that tail before it, but append #1 has to come first."
    )


def test_what_has_no_place_once_the_last_was_right_is_told() -> None:
    (violation,) = searched(ACKED[0], check_tail(1, 3, 4, failed="stream_not_found")).violations
    assert violation.sentences[0].endswith(
        "at the tail 0 it is right, but after it check-tail #1, which found no stream, has no place left."
    )


@pytest.mark.parametrize("band", range(2))
def test_whatever_is_told_of_a_search_is_so(band: int) -> None:
    told, seed = 0, 400_001 + 2 * band
    while told < 40:
        story = story_of(seed, ALL)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(decide, "refute", lambda *_: None)
            found = Linearizability(minimal=False).check(story.history).violations
        violations = [one for one in found if {"tried", "searched"} & {claim.claim for claim in one.claims}]
        told += bool(violations)
        assert unfounded(story.jsonl, violations) is None, f"seed {seed}:\n{story}"
        seed += 4


def test_of_many_reasons_the_middle_is_left_out() -> None:
    places = tuple((tail, spec.TOKEN if tail % 2 else spec.MATCH) for tail in range(10))
    text = Narrator(history(*ACKED)).text(Tightest(0, 0, places, nowhere=False, needs=NONE).said)
    assert text.startswith("the order that got furthest ends before append #0: at the tail 0 it asked for another tail")
    assert text.count("at the tail ") == MOST
    assert "… 4 more of the same …" in text


def test_an_unknown_verdict_names_it_too() -> None:
    limits = CheckLimits(Budget(states=1_000))
    result = Linearizability().check(history(*hard()), limits)
    assert result.validity is Validity.UNKNOWN
    assert "; no order that was tried has a place for append #46, which names the tail 4443: " in result.reasons[0]
    assert [one.refused for one in result.explained] == [46]


@pytest.mark.parametrize("band", range(3))
def test_the_furthest_order_explains_what_is_in_it_and_the_tightest_is_not(band: int) -> None:
    found = 0
    for seed in range(100 * band, 100 * (band + 1)):
        story = story_of(seed, ALL)
        (rows,) = rows_of(story.history)
        asked = requirements(story.history, 0, rows)
        result = exhaust(asked, rows, Spending(Budget(states=10_000)))
        if not isinstance(result, Exhausted) or result.furthest is None:
            continue
        order, columns = result.furthest.order, asked.asked
        begun, state = log.begin(asked, rows, len(asked.records.sent), order.token, order.latest)
        replayed, states = order.moments.tolist(), state.tolist()
        place = spec.replay(listed(columns), listed(asked.records), listed(begun), states, replayed)
        assert place == len(replayed), story
        assert not np.isin(result.furthest.nowhere, order.moments).any(), story
        tight = tightest(asked, rows, result.furthest)
        if tight is not None:
            found += 1
            assert tight.moment not in order.moments
            assert not columns.optional[tight.moment]
            assert tight.nowhere == (tight.moment in result.furthest.nowhere)
            assert bool(tight.places) == (tight.behind == NONE)
    assert found > 4
