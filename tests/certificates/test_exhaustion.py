"""Logs of searches that tried everything: they verify; damaged ones, and ones of what has an order, do not."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from fencepost.checkers.certificate.verifier.hashes import fold
from fencepost.checkers.certificate.verifier.unhash import before
from fencepost.checkers.linearizability import Linearizability
from fencepost.checkers.search import log as logs
from fencepost.checkers.search.search import Ending, Search
from fencepost.harness.history.history import History
from fencepost.harness.verdict import Validity
from fencepost.testing import append, check_tail, history, part, read
from tests.certificates.lost import DAMAGE, Damage, crowded_story, log_of, lost_story, refusal, searched
from tests.certificates.test_claims import told
from tests.checkers.golden_sessions import FROM_THE_TAIL
from tests.checkers.oracle import explain
from tests.checkers.partitions import spoiled, three_partition, triples
from tests.checkers.stories import Story


def stories(lost: int, crowded: int, damaged: bool) -> list[Story]:
    """So many of each."""
    first = int(damaged)
    return [lost_story(2 * i + first) for i in range(lost)] + [crowded_story(2 * i + first) for i in range(crowded)]


def partition(seed: int, holes: int = 5) -> History:
    """An instance of 3-PARTITION without a solution."""
    return history(*three_partition(spoiled(triples(Random(seed), holes, 43)), holes))


def never_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search takes an order that explains everything for a dead end, and goes on."""
    along = Search._along

    def deny(search: Search) -> bool:
        along(search)
        return False

    monkeypatch.setattr(Search, "_along", deny)


def test_every_exhausted_search_leaves_a_log_that_verifies() -> None:
    said: Counter[str] = Counter()
    for story in stories(280, 160, damaged=True):
        judged = story.history
        judgement, decision = searched(judged)
        if decision.ending is Ending.EXHAUSTED:
            assert refusal(judged, log_of(judgement, decision)) is None, story
            assert len(judged) > 7 or explain(story.ops, story.tail, story.token, unique=story.unique) is None
            said["logs"] += 1
            said["nodes"] += len(decision.log)
            said["repeats"] += sum(node >= 0 for node in decision.log.same)
            said["suppositions"] += len(decision.log.roots)
    assert said["logs"] > 80
    assert said["nodes"] > 2 * said["logs"]
    assert said["suppositions"] > said["logs"]
    assert said["repeats"] > 8


def test_no_log_of_a_history_that_has_an_order_verifies(monkeypatch: pytest.MonkeyPatch) -> None:
    never_ending(monkeypatch)
    refused = 0
    for story in stories(130, 65, damaged=False):
        judged = story.history
        if len(judged) > 8:
            continue
        judgement, decision = searched(judged)
        log = log_of(judgement, decision)
        if explain(story.ops, story.tail, story.token, unique=story.unique) is None:
            continue
        assert refusal(judged, log) is not None, story
        without = [damage(Random(i), log) for damage in DAMAGE for i in range(2)]
        assert all(refusal(judged, one) is not None for one in without if one is not None), story
        refused += 1
    assert refused > 85


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_damage_to_a_log_is_noticed(damage: Damage) -> None:
    changed = 0
    for seed in range(6):
        judged = partition(seed)
        judgement, decision = searched(judged)
        log = log_of(judgement, decision)
        assert refusal(judged, log) is None
        for i in range(5):
            other = damage(Random(i), log)
            if other is not None:
                assert refusal(judged, other) is not None, (seed, i)
                changed += 1
    assert changed == 30


def test_the_verdict_on_a_partition_is_proven() -> None:
    for seed in range(3):
        validity, verification = told(partition(seed))
        assert validity is Validity.INVALID
        assert not verification.failures
        assert any("no order explains all answers" in line for line in verification.lines)


def test_a_search_of_too_many_nodes_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST", 10)
    validity, verification = told(partition(0))
    assert validity is Validity.INVALID
    assert not verification.failures
    assert any("of which no log was kept" in line for line in verification.lines)


def test_what_cannot_be_proven_by_its_operations_is_searched_for_the_proof() -> None:
    """Equal records: who wrote which is open, and what the verdict names rests on one way to read it."""
    judged = history(
        append(0, 0, None, "a b~20", match=0), append(1, 1, 2, "a a", match=0, ack=0), read(2, 3, 4, 0, saw="a b"),
        unique=False,
    )  # fmt: skip
    assert Linearizability().check(judged).validity is Validity.INVALID
    _, verification = told(judged)
    assert not verification.failures


def test_the_sizes_of_what_nobody_read_keep_situations_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which record was first decides whether the read had room for it, and three of them lie before the read."""
    lost = [append(i, 0, None, one) for i, one in enumerate(("a~10", "b~10", "c~100", "d~10"))]
    judged = history(*lost, check_tail(7, 1, 2, 3), read(8, 3, 4, 0, saw="", bytes=50))
    never_ending(monkeypatch)
    monkeypatch.setattr("fencepost.checkers.search.probes.Probes.sizes", lambda *_: ())
    judgement, decision = searched(judged)
    why = refusal(judged, log_of(judgement, decision))
    assert why is not None
    assert "is not the same as node" in why


NEVER_SET = append(3, 6, 7, "x", token="y", fence="z")
"""A refusal that no order explains: a search has to try everything."""


@pytest.mark.parametrize(
    "judged",
    [
        pytest.param(
            history(
                append(0, 0, None, "a"),
                append(1, 0, None, "b c"),
                append(2, 0, None, "d e~20"),
                check_tail(3, 1, 2, 3),
                read(4, 3, 4, bytes=5, session=1, saw=""),
            ),
            id="sizes are those of records, however batches divide them",
        ),
        pytest.param(
            history(
                append(0, 1, None, "a"),
                append(1, 5, None, "b"),
                read(2, 4, 4, 0, count=2, parts=[part(4, "a", at=0)], saw=""),
                NEVER_SET,
            ),
            id="a part does not come after its own read",
        ),
        pytest.param(
            history(
                append(0, 0, None, "a"),
                append(1, 4, None, "b"),
                read(2, 1, 3, 1, clamp=True, session=1, wait=1, parts=[part(3, "")], saw="a", at=2),
                NEVER_SET,
                tail=2,
            ),
            id="what was there before the history may be gone",
        ),
        *(
            pytest.param(history(*golden.ops), id=golden.name)
            for golden in FROM_THE_TAIL
            if golden.anomaly == "nonmonotonic-read"
        ),
    ],
)
def test_the_log_of_a_search_verifies_where(judged: History) -> None:
    judgement, decision = searched(judged)
    assert decision.ending is Ending.EXHAUSTED
    assert refusal(judged, log_of(judgement, decision)) is None


def test_a_hash_is_taken_back_through_records() -> None:
    random = Random(5)
    for length in range(40):
        chained, digests = random.getrandbits(64), [random.getrandbits(64) for _ in range(length % 5)]
        assert before(fold(digests, chained), digests) == chained
