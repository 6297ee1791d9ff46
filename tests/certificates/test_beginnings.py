"""Answers in parts that began at a moment of their own: the verdict is that of brute force, and it is proven."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from fencepost.checkers.certificate.proofs import LinearizabilityCertificate, declined
from fencepost.checkers.certificate.verification import LinearizabilityVerifier
from fencepost.checkers.certificate.verifier import valid
from fencepost.checkers.certificate.verifier.refutation import Refuted
from fencepost.checkers.linearizability import Linearizability
from fencepost.checkers.search import search
from fencepost.checkers.search.beginnings import BeginningRules
from fencepost.checkers.search.begun import Begun
from fencepost.checkers.search.log import here, later
from fencepost.checkers.search.search import Ending
from fencepost.harness.history.history import NONE, History, Kind, Outcome
from fencepost.testing import append, history, part, read
from tests.certificates.lost import _without, log_of, refusal, searched
from tests.certificates.test_exhaustion import never_ending
from tests.checkers.begun_stories import begun_story
from tests.checkers.golden_beginnings import BEGINNINGS
from tests.checkers.golden_case import Golden
from tests.checkers.oracle import explain
from tests.checkers.stories import Story
from tests.checkers.wgl import linearize

STORIES = 250
MANY = 10_000

each = pytest.mark.parametrize("golden", BEGINNINGS, ids=[golden.name for golden in BEGINNINGS])


def compare(seeds: range) -> Counter[str]:
    """The checker, both oracles and the verifier on the stories of these seeds."""
    said: Counter[str] = Counter()
    for seed in seeds:
        story = begun_story(seed)
        explained = explain(story.ops, story.tail, story.token) is not None
        assert explained == (linearize(story.ops, story.tail, story.token) is not None), story
        judged = story.history
        result = Linearizability().check(judged)
        assert result.validity == ("valid" if explained else "invalid"), story
        assert isinstance(result.certificate, LinearizabilityCertificate)
        verification = LinearizabilityVerifier().verify(judged, result.certificate.parts(), result.validity)
        assert not verification.failures, f"{verification.failures}\n{story}"
        log = result.certificate.proofs[0]().exhaustion
        said["choices"] += log is not None and bool((log.applied < NONE).any())
        said[result.validity] += 1
    return said


def test_the_verdict_is_that_of_brute_force_and_proven() -> None:
    said = compare(range(STORIES))
    assert said["valid"] > STORIES // 8
    assert said["invalid"] > STORIES // 4
    assert said["choices"] > STORIES // 100


@pytest.mark.slow
def test_the_verdict_is_that_of_brute_force_and_proven_on_many_more() -> None:
    compare(range(STORIES, STORIES + MANY))


@each
def test_the_certificate_of_a_golden_one_verifies(golden: Golden) -> None:
    judged = history(*golden.ops, tail=golden.tail)
    result = Linearizability().check(judged)
    assert result.certificate is not None
    assert not LinearizabilityVerifier().verify(judged, result.certificate.parts(), result.validity).failures


def with_choices(number: int) -> list[Story]:
    """Stories without an order, in whose logs a beginning was chosen."""
    found = []
    for seed in range(10_000):
        story = begun_story(seed)
        judgement, decision = searched(story.history)
        if decision.ending is Ending.EXHAUSTED and (log_of(judgement, decision).applied < NONE).any():
            found.append(story)
        if len(found) == number:
            break
    return found


def test_a_log_without_one_of_the_two_ways_does_not_verify() -> None:
    for story in with_choices(20):
        judged = story.history
        log = log_of(*searched(judged))
        assert refusal(judged, log) is None
        begins = np.flatnonzero((log.applied < NONE) | np.isin(log.applied, declined(log.applied[log.applied < NONE])))
        for node in begins.tolist():
            why = refusal(judged, _without(log, {node}))
            assert why is not None, story
            assert "that an answer began there" in why or "same as" in why, story


def test_a_log_that_chooses_what_is_not_open_does_not_verify() -> None:
    for story in with_choices(20):
        judged = story.history
        log = log_of(*searched(judged))
        node = int(np.flatnonzero(log.applied < NONE)[0])
        applied = np.insert(log.applied, node + 1, log.applied[node])
        parent, same = (np.insert(np.where(column > node, column + 1, column), node + 1, value)
                        for column, value in ((log.parent, node), (log.same, NONE)))  # fmt: skip
        supposed = [replace(one, node=one.node + (one.node > node)) for one in log.supposed]
        again = replace(log, supposed=supposed, parent=parent, applied=applied, same=same)
        why = refusal(judged, again)
        assert why is not None
        assert "is not open" in why


def _may_begin(self: Any, one: Any, tail: int, trim: int) -> bool:
    return bool(self.rules.answers[one.opening].may_begin(tail))


BROKEN: dict[str, tuple[Any, str, Any]] = {
    "nothing is broken": (BeginningRules, "latest", BeginningRules.latest),
    "an answer begins where it is first due": (BeginningRules, "surely", _may_begin),
    "an answer never begins for sure": (BeginningRules, "surely", lambda *_: False),
    "no trim to come explains a beginning": (BeginningRules, "perhaps", lambda *_: False),
    "an answer begins where a trim has to come": (search, "later", here),
    "an answer does not begin where a trim has to come": (search, "here", later),
    "no beginning explains what came later": (BeginningRules, "explains", lambda *_: False),
    "the memory forgets beginnings": (Begun, "key", lambda *_: frozenset()),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_no_log_of_an_answer_that_has_an_order_verifies(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever rule of the search is broken; where none is, it takes an order for a dead end, and goes on."""
    monkeypatch.setattr(*BROKEN[broken])
    if broken == "nothing is broken":
        never_ending(monkeypatch)
    refused = 0
    for story in sound_stories():
        judgement, decision = searched(story.history)
        if decision.ending is Ending.EXHAUSTED:
            assert refusal(story.history, log_of(judgement, decision)) is not None, story
            refused += 1
    assert refused


@cache
def sound_stories() -> list[Story]:
    """Those with an order, and trims."""
    stories = (begun_story(seed) for seed in range(1_000))
    stories = (story for story in stories if any(rec.trim is not None for op in story.ops for rec in op.records))
    return [story for story in stories if explain(story.ops, story.tail, story.token) is not None]


def order_of(judged: History, *moments: tuple[int, bool]) -> None:
    """Verify an order of (operation, is it the second moment?)."""
    rows = np.array([judged.row_of(op) for op, _ in moments], dtype=np.int64)
    valid.check(judged, 0, np.arange(len(judged)), rows, np.array([second for _, second in moments]), None)


def test_the_parts_of_an_answer_begin_at_one_tail() -> None:
    judged = history(
        append(0, 0, 9, "a", ack=0),
        read(1, 1, 12, session=1, tail_offset=0, parts=[part(8, "", followed=0), part(11, "b", at=1)], failed="lost"),
        append(0, 10, 11, "b", ack=1),
    )
    empty, filled = judged.id[judged.part_of != NONE].tolist()
    wrote, wrote_more = judged.id[judged.kind == Kind.APPEND].tolist()
    together = [(wrote, False), (empty, False), (filled, False), (empty, True), (wrote_more, False), (filled, True)]
    order_of(judged, *together)
    apart = [(empty, False), (wrote, False), (filled, False), (empty, True), (wrote_more, False), (filled, True)]
    with pytest.raises(Refuted, match="begin at several tails"):
        order_of(judged, *apart)


def test_what_has_begun_is_not_out_of_range_in_the_end() -> None:
    judged = history(
        append(0, 0, 1, "a", ack=0),
        read(1, 2, 9, tail_offset=0, parts=[part(5, "", followed=1)], tail=1),
    )
    (empty,) = judged.id[judged.part_of != NONE].tolist()
    (refused,) = judged.id[judged.outcome == Outcome.FAILED].tolist()
    with pytest.raises(Refuted, match="although it had begun"):
        order_of(judged, (0, False), (empty, False), (empty, True), (refused, False))
