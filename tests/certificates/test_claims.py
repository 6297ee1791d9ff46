"""Certificates of what is invalid or unknown: the claims hold, and false ones do not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from fencepost.checkers.certificate.proofs import LinearizabilityCertificate, Opening, Proof
from fencepost.checkers.certificate.verification import LinearizabilityVerifier
from fencepost.checkers.certificate.verifier import invalid
from fencepost.checkers.certificate.verifier.refutation import Refuted
from fencepost.checkers.certificate.verifier.statement import Claim
from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.history.history import History
from fencepost.harness.history.reader import read_history
from fencepost.harness.verdict import Edge, Validity, Verification, Violation
from fencepost.testing import append, check_tail, history, read
from tests.checkers.damage import story_of
from tests.checkers.goldens import GOLDENS
from tests.checkers.stories import JUDGED


def verified(judged: History, *proofs: Proof, claimed: Validity | None = None) -> Verification:
    """What the verifier says of these proofs."""
    certificate = LinearizabilityCertificate(judged, [lambda proof=proof: proof for proof in proofs])  # type: ignore[misc]
    return LinearizabilityVerifier().verify(judged, certificate.parts(), claimed or proofs[0].validity)


def told(judged: History) -> tuple[Validity, Verification]:
    """The checker's verdict, and what the verifier says of its certificate."""
    result = Linearizability().check(judged)
    assert result.certificate is not None
    return result.validity, LinearizabilityVerifier().verify(judged, result.certificate.parts(), result.validity)


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.name)
def test_the_verdict_on_every_golden_history_is_proven(golden: object) -> None:
    _, verification = told(read_history(golden.path))  # type: ignore[attr-defined]
    assert not verification.failures


def test_the_verdicts_on_random_histories_are_proven() -> None:
    said: Counter[tuple[Validity, bool]] = Counter()
    for seed in range(320):
        story = story_of(seed, JUDGED)
        validity, verification = told(story.history)
        said[validity, not verification.failures] += 1
        assert not verification.failures, story
    # Where the operations that are told do not prove it by themselves, the log of a search does.
    assert said[Validity.INVALID, True] > 60


def test_nothing_proves_that_a_sound_history_is_invalid() -> None:
    random, tried = Random(3), 0
    for seed in range(0, 3_000, 2):  # of a correct stream: whatever is said of it is false
        story = story_of(seed, JUDGED)
        judged = story.history
        if not len(judged):
            continue
        rows = random.sample(range(len(judged)), random.randint(1, len(judged)))
        position = random.choice((None, *range(6)))
        found = invalid.check(judged, 0, np.arange(len(judged)), [Claim("any", rows, [], position, [])])
        assert not found.proven, f"{found.proven}\n{rows} {position}\n{story}"
        tried += 1
    assert tried > 1_400


STALE = (append(0, 0, 1, "a", ack=0), check_tail(1, 2, 3, 0), check_tail(2, 0, 1, 0))


def stale(*edges: tuple[int, int, str], operations: tuple[int, ...] = (0, 2)) -> Proof:
    edge = [Edge(source, target, kind, "") for source, target, kind in edges]
    return Proof("s", Validity.INVALID, violations=[Violation("stale-read", "s", "", operations, tuple(edge), ())])


def test_a_stale_read_is_proven_by_its_two_operations_and_not_by_others() -> None:
    judged = history(*STALE)
    assert not verified(judged, stale((0, 2, "rt"), (2, 0, "rw"))).failures
    assert not verified(judged, stale()).failures
    assert verified(judged, stale(operations=(0, 1))).failures
    assert verified(judged, stale(operations=(2,))).failures


@pytest.mark.parametrize(
    "edge",
    [(2, 0, "rt"), (0, 1, "rt"), (0, 2, "process"), (0, 2, "session"), (0, 2, "ww"), (0, 2, "wr"), (0, 2, "tw"),
     (2, 0, "tr"), (0, 2, "because")],
)  # fmt: skip
def test_every_edge_is_recomputed(edge: tuple[int, int, str]) -> None:
    judged = history(*STALE)
    assert verified(judged, stale(edge)).failures


def test_an_unknown_first_token_is_no_way_out() -> None:
    one = append(0, 0, 1, "a", token="y", fence="x")
    other = append(0, 2, 3, "b", token="z", fence="w")
    judged = history(one, other, token=None)
    claim = Claim("fence-regression", [0, 1], [], None, [])
    assert invalid.check(judged, 0, np.arange(2), [claim]).proven
    assert not invalid.check(judged, 0, np.arange(2), [replace(claim, operations=[0])]).proven


HOLE = history(
    append(0, 0, None, "a b"), append(1, 0, None, "c"), append(2, 1, 2, "d", ack=2), append(3, 0, None, "e", match=3)
)


def opened(start: int, end: int, *candidates: int, reasons: tuple[str, ...] = ("too many",)) -> Proof:
    return Proof("s", Validity.UNKNOWN, openings=[Opening(start, end, candidates)], reasons=reasons)


def test_a_hole_is_one_and_its_candidates_fit() -> None:
    rows = {op: HOLE.row_of(op) for op in range(4)}
    two, one, acked, late = (
        next(row for row in rows.values() if HOLE.operation(row).process == process) for process in (0, 1, 2, 3)
    )
    assert not verified(HOLE, opened(0, 2, two, one)).failures
    for wrong in (
        opened(0, 2),
        opened(0, 2, acked),
        opened(0, 2, late),
        opened(0, 1, two),
        opened(2, 3, one),
        opened(0, 9, two),
        opened(2, 2, one),
        opened(0, 2, two, reasons=()),
    ):
        assert verified(HOLE, wrong).failures, wrong


def test_a_candidate_that_was_read_is_none() -> None:
    judged = history(append(0, 0, None, "a"), append(1, 0, None, "b"), append(2, 1, 2, "c", ack=2),
                     read(3, 3, 4, 1, count=1, saw="b"))  # fmt: skip
    seen = next(row for row in range(4) if judged.operation(row).process == 1)
    other = next(row for row in range(4) if judged.operation(row).process == 0)
    assert not verified(judged, opened(0, 1, other)).failures
    assert verified(judged, opened(0, 1, seen)).failures


def test_the_parts_make_the_verdict() -> None:
    judged = history(*STALE)
    proof = stale()
    assert verified(judged, proof, claimed=Validity.VALID).failures
    assert verified(judged, proof, claimed=Validity.UNKNOWN).failures
    assert verified(judged, proof, proof).failures
    assert verified(judged, replace(proof, stream="t")).failures
    assert verified(judged, Proof("s", Validity.VALID)).failures
    with pytest.raises(Refuted, match="no operation"):
        invalid.check(judged, 0, np.arange(3), [Claim("any", [], [], None, [])])
