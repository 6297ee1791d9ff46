"""What is told of an invalid history is so: its claims are recomputed from the raw events, and say all that is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fencepost.checkers.explanation.claims import Claims
from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.verdict import Violation
from fencepost.testing import Op, append, check_tail, history, jsonl, read
from tests.checkers.claim_checks import CHECKS, unfounded
from tests.checkers.claimed import WORDS
from tests.checkers.damage import story_of
from tests.checkers.stories import ALL

HISTORIES = 1000
PARTS = 3

STALE = append(0, 5, 6, "a b", ack=0), check_tail(1, 8, 9, 0)


A = append(0, 0, 1, "a", ack=0)
B = append(0, 4, 5, "b", ack=1)
FAILED = append(0, 0, 1, "a", failed="rate_limited", status=429)
HARD_TO_TELL = {
    "a-record-from-before-a-start-at-the-tail": (A, read(1, 2, 3, 1, at=0, saw="a"), B),
    "a-record-where-a-read-of-the-tail-was-to-be-refused": (A, read(1, 2, 3, tail_offset=0, at=0, saw="a"), B),
    "a-failed-record-read-twice": (FAILED, read(1, 2, 3, saw="a"), check_tail(1, 4, 5, 2), read(1, 6, 7, saw="a a")),
}


def told(*ops: object) -> Violation:
    (violation,) = Linearizability().check(history(*ops)).violations  # type: ignore[arg-type]
    return violation


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_is_told_of_damaged_histories_is_so(part: int) -> None:
    invalid, seed = 0, 300_001 + 2 * part
    while invalid < HISTORIES // PARTS:
        story = story_of(seed, ALL)
        violations = Linearizability(minimal=False).check(story.history).violations
        if violations:
            invalid += 1
            problem = unfounded(story.jsonl, violations)
            assert problem is None, f"seed {seed}: {problem}\n{story}"
        seed += 2 * PARTS


@pytest.mark.parametrize("ops", HARD_TO_TELL.values(), ids=HARD_TO_TELL)
def test_what_is_told_rests_on_no_answer_that_was_given_up_and_on_no_words_of_the_kernel(ops: tuple[Op, ...]) -> None:
    violations = Linearizability().check(history(*ops, unique=False)).violations
    assert violations
    assert unfounded(jsonl(*ops, unique=False), violations) is None


def test_every_kind_of_claim_has_a_check_and_words_of_its_own() -> None:
    assert set(CHECKS) == set(WORDS)
    assert len(Claims) == len(Claims.__members__)


def test_a_claim_that_is_not_so_is_found() -> None:
    violation = told(*STALE)
    assert unfounded(jsonl(*STALE), [violation]) is None
    late = append(0, 5, 8, "a b", ack=0), check_tail(1, 8, 9, 0)
    problem = unfounded(jsonl(*late), [violation])
    assert problem is not None


def test_a_word_that_no_claim_says_is_found() -> None:
    violation = told(*STALE)
    for text in ("The stream is broken.", violation.sentences[-1].replace("position", "place")):
        problem = unfounded(jsonl(*STALE), [replace(violation, sentences=(*violation.sentences[:-1], text))])
        assert problem is not None
        assert "is claimed by nothing" in problem


def test_a_claim_that_is_not_told_is_found() -> None:
    violation = told(*STALE)
    assert "are not told" in str(unfounded(jsonl(*STALE), [replace(violation, sentences=violation.sentences[:-1])]))
