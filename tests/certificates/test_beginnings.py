"""Answers in parts that began at a moment of their own: the verdict is that of brute force, and it is proven."""

from __future__ import annotations

from collections import Counter

import pytest

from fencepost.checkers.certificate.verification import LinearizabilityVerifier
from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.history.history import NONE, Kind, Outcome
from fencepost.testing import append, history, part, read
from tests.certificates.ordering import accepted, refused
from tests.checkers.begun_stories import begun_story
from tests.checkers.golden_beginnings import BEGINNINGS
from tests.checkers.golden_case import Golden
from tests.checkers.oracle import explain
from tests.checkers.wgl import linearize

STORIES = 80
MANY = 10_000

each = pytest.mark.parametrize("golden", BEGINNINGS, ids=[golden.name for golden in BEGINNINGS])


def compare(seeds: range) -> Counter[str]:
    """The checker, both oracles and the verifier on the stories of these seeds."""
    said: Counter[str] = Counter()
    for seed in seeds:
        story = begun_story(seed)
        explained = explain(story.ops, **story.declared) is not None
        assert explained == (linearize(story.ops, **story.declared) is not None), story
        judged = story.history
        result = Linearizability(minimal=False).check(judged)
        assert result.validity == ("valid" if explained else "invalid"), story
        assert result.certificate is not None
        verification = LinearizabilityVerifier().verify(judged, result.certificate.parts(), result.validity)
        assert not verification.failures, f"{verification.failures}\n{story}"
        said[result.validity] += 1
    return said


def test_the_verdict_is_that_of_brute_force_and_proven() -> None:
    said = compare(range(STORIES))
    assert said["valid"] > STORIES // 8
    assert said["invalid"] > STORIES // 4


@pytest.mark.slow
def test_the_verdict_is_that_of_brute_force_and_proven_on_many_more() -> None:
    compare(range(STORIES, STORIES + MANY))


@each
def test_the_certificate_of_a_golden_one_verifies(golden: Golden) -> None:
    judged = history(*golden.ops, tail=golden.tail)
    result = Linearizability().check(judged)
    assert result.certificate is not None
    assert not LinearizabilityVerifier().verify(judged, result.certificate.parts(), result.validity).failures


def test_the_parts_of_an_answer_begin_at_one_tail() -> None:
    judged = history(
        append(0, 0, 9, "a", ack=0),
        read(1, 1, 12, session=1, tail_offset=0, parts=[part(8, "", followed=0), part(11, "b", at=1)], failed="lost"),
        append(0, 10, 11, "b", ack=1),
    )
    empty, filled = judged.id[judged.part_of != NONE].tolist()
    wrote, wrote_more = judged.id[judged.kind == Kind.APPEND].tolist()
    begun, later = (empty, False), (empty, True)
    accepted(judged, wrote, begun, later, wrote_more, filled)
    refused(judged, begun, wrote, later, wrote_more, filled, why="left out a record")
    refused(judged, later, wrote, begun, wrote_more, filled, why="stands before what")


def test_what_has_begun_is_not_out_of_range_in_the_end() -> None:
    judged = history(
        append(0, 0, 1, "a", ack=0),
        read(1, 2, 9, tail_offset=0, parts=[part(5, "", followed=1)], tail=1),
    )
    (empty,) = judged.id[judged.part_of != NONE].tolist()
    (out,) = judged.id[judged.outcome == Outcome.FAILED].tolist()
    refused(judged, 0, (empty, False), (empty, True), out, why="there was something to read|began at the tail")
