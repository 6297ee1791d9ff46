"""The checker, its kernel and the verifier against brute force: small random histories in bulk."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.history.history import History
from fencepost.harness.verdict import CheckResult, Validity, Violation
from fencepost.testing import append, check_tail, history, read
from tests.checkers.agreement import disagreement, observed
from tests.checkers.damage import story_of
from tests.checkers.fuzz import Report, Task, work
from tests.checkers.oracle import explain
from tests.checkers.stories import JUDGED

HISTORIES = 1_200
PARTS = 3
MANY = 40_000
SEARCHED = 0.03
"""The share of invalid histories that may take a search."""


def looked_at(seeds: range) -> Report:
    """What :mod:`.fuzz` finds in the stories of these seeds; fails where anything is wrong with one."""
    report = work(Task(seeds, JUDGED, decided=True, checker=True))
    assert report.seed is None, f"seed {report.seed}: {report.problem}\n{story_of(report.seed, JUDGED)}"
    return report


@pytest.mark.parametrize("part", range(PARTS))
def test_the_checker_the_kernel_and_the_verifier_agree_with_brute_force(part: int) -> None:
    size = HISTORIES // PARTS
    report = looked_at(range(part * size, (part + 1) * size))
    # The histories are worth judging: many of each verdict, and most are decided, nearly all without a search.
    assert report.said[Validity.VALID] > size // 4
    assert report.said[Validity.INVALID] > size // 6
    assert report.said[Validity.UNKNOWN] < size // 5
    assert report.searched <= SEARCHED * report.said[Validity.INVALID]
    assert report.forged * HISTORIES > 2_000 * size


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_they_agree_on_many_more(part: int) -> None:
    looked_at(range(HISTORIES + part * MANY, HISTORIES + (part + 1) * MANY))


def test_streams_are_judged_apart() -> None:
    fresh = [story for seed in range(160) if (story := story_of(seed)).tail == 0 and story.token == ""]
    judge, composed = Linearizability(minimal=False), Counter[Validity]()
    alone = [judge.check(history(*story.ops)) for story in fresh]
    for (one, other), apart in zip(pairwise(fresh), pairwise(alone), strict=True):
        moved = [replace(op, stream="t", process=op.process + 100) for op in other.ops]
        both = judge.check(history(*one.ops, *moved))
        # Where nothing was observed in one, the other may still have seen something.
        reasons = {reason for result in apart for reason in result.reasons} - {"nothing was observed"}
        broken = [result for result in apart if result.validity is Validity.INVALID]
        unclear = reasons or not (observed(one) or observed(other))
        expected = Validity.INVALID if broken else Validity.UNKNOWN if unclear else Validity.VALID
        assert both.validity is expected, f"{one}\n{other}"
        composed[expected] += 1
    assert set(composed) >= {Validity.VALID, Validity.INVALID}


def test_the_shortcuts_of_the_oracle_change_nothing() -> None:
    compared = 0
    for seed in range(800):
        story = story_of(seed)
        if len(story.ops) <= 5:
            compared += 1
            quick = explain(story.ops, **story.declared)
            slow = explain(story.ops, **story.declared, literal=True)
            assert (quick is None) == (slow is None), str(story)
    assert compared > 400


class Prejudiced:
    """A checker that has made up its mind."""

    def __init__(self, validity: Validity) -> None:
        self._validity = validity

    def check(self, history: History) -> CheckResult:
        violation = Violation("bad-ack", "s", "", (0,), (), ())
        found = (violation,) if self._validity is Validity.INVALID else ()
        return CheckResult(self._validity, found, ("no reason",))


@pytest.mark.parametrize("validity", Validity)
def test_a_checker_that_does_not_look_is_found_out(validity: Validity) -> None:
    assert any(disagreement(story_of(seed), Prejudiced(validity))[1] is not None for seed in range(50))


class TestTheOracleItself:
    """By hand, where the answer is plain."""

    def test_real_time_counts(self) -> None:
        ops = [append(0, 0, 1, "a", ack=0), check_tail(1, 2, 3, 0)]
        assert explain(ops) is None

    def test_closed_intervals_that_touch_are_concurrent(self) -> None:
        ops = [append(0, 0, 2, "a", ack=0), check_tail(1, 2, 3, 0)]
        assert explain(ops) is not None

    def test_one_process_does_one_thing_after_another_even_in_no_time(self) -> None:
        ops = [append(0, 0, 2, "a", ack=0), check_tail(0, 2, 3, 0)]
        assert explain(ops) is None

    def test_an_order_is_given_with_the_lost_appends_that_were_applied(self) -> None:
        ops = [append(0, 0, None, "a"), append(1, 0, None, "b"), read(2, 5, 6, 0, saw="b")]
        explanation = explain(ops)
        assert explanation is not None
        assert explanation.order == (1, 2)

    def test_a_lost_append_may_be_applied_late_but_not_twice(self) -> None:
        late = [append(0, 0, 1, "a", ack=None), check_tail(1, 2, 3, 0), check_tail(1, 4, 5, 1)]
        assert explain(late) is not None
        assert explain([*late, check_tail(1, 6, 7, 2)]) is None

    def test_an_ack_may_tell_of_a_later_tail_than_its_end(self) -> None:
        other = append(1, 3, 4, "b", ack=1)
        assert explain([append(0, 0, 5, "a", ack=(0, 1, 2)), other]) is not None
        assert explain([append(0, 0, 2, "a", ack=(0, 1, 2)), other]) is None

    def test_streams_are_apart(self) -> None:
        ops = [append(0, 0, 1, "a", ack=0, stream="s"), check_tail(1, 2, 3, 0, stream="t")]
        assert explain(ops) is not None

    def test_an_unknown_first_token_is_some_token(self) -> None:
        refused = append(0, 0, 1, "a", token="y", fence="x")
        assert explain([refused], token=None) is not None
        assert explain([refused, append(0, 2, 3, "b", token="z", fence="w")], token=None) is None
