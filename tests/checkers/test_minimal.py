"""Every witness is a proof, and no more than one: by brute force, on what a violation leaves of small histories.

What a violation tells can be understood and checked (:mod:`.told`).
"""

from __future__ import annotations

from collections import Counter

import pytest

from fencepost.checkers.anomalies import anomalies
from fencepost.checkers.explanation import minimal as module
from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.verdict import CheckResult
from fencepost.testing import Op, append, check_tail, history, read
from tests.checkers.claim_checks import unfounded
from tests.checkers.damage import story_of
from tests.checkers.relaxation import faults, remainder
from tests.checkers.stories import JUDGED, Story
from tests.checkers.told import misleading

HISTORIES = 300
PARTS = 2
MANY = 60_000
MOST_APPENDS = 6
"""Relaxed, each may be anywhere: brute force tries them all in every order."""


def judged(story: Story, told: Counter[str]) -> list[str]:
    """What is wrong with the violations of a story; counts their anomalies."""
    columns = story.history
    result = Linearizability().check(columns)
    constructed = Linearizability(minimal=False).check(columns) if result.violations else result
    told.update(violation.anomaly for violation in result.violations)
    wrong = faults(story, result.violations)
    wrong += [f"{problem}\n{story}" for one in result.violations if (problem := misleading(columns, one)) is not None]
    wrong += [f"{problem}\n{story}" for problem in [unfounded(story.jsonl, result.violations)] if problem is not None]
    if result.validity is not constructed.validity or _names(result) != _names(constructed):
        wrong.append(f"minimal witnesses change what is found, {_names(constructed)}, into {_names(result)}\n{story}")
    return wrong


def _names(result: CheckResult) -> set[str]:
    return {name for violation in result.violations for name in violation.names}


def compare(seeds: range) -> Counter[str]:
    """The anomalies of the damaged stories of these seeds; fails where a witness is not a minimal proof."""
    told: Counter[str] = Counter()
    stories = (story_of(seed, JUDGED) for seed in seeds if seed % 2)
    few = (story for story in stories if sum(op.kind == "append" for op in story.ops) <= MOST_APPENDS)
    wrong = [fault for story in few for fault in judged(story, told)]
    assert not wrong, f"{len(wrong)} faults in seeds {seeds}; the first of them:\n\n" + "\n\n".join(wrong[:3])
    return told


@pytest.mark.parametrize("part", range(PARTS))
def test_witnesses_of_damaged_histories_are_minimal_proofs(part: int) -> None:
    size = 2 * HISTORIES // PARTS
    told = compare(range(part * size, (part + 1) * size))
    # They are worth judging: many, and of most kinds.
    assert sum(told.values()) > size // 5
    assert len(told) > len(anomalies()) // 2


@pytest.mark.slow
def test_witnesses_of_many_more_damaged_histories_are_minimal_proofs() -> None:
    compare(range(2 * HISTORIES, 2 * (HISTORIES + MANY)))


CONSTRUCTED: tuple[tuple[str, tuple[int, ...], tuple[Op, ...]], ...] = (
    (
        "lost-write",
        (1, 3),
        (
            append(0, 1, 2, "a b", ack=0),
            append(1, 3, 4, "c d", ack=2),
            append(2, 5, 6, "e f", ack=2),
            read(3, 7, 8, 0, saw="a b e f"),
        ),
    ),
    (
        "stale-token-write",
        (1, 2),
        (
            append(0, 0, 1, "fence=x", ack=0),
            append(1, 2, 3, "fence=y", ack=1),
            append(0, 4, 5, "a", token="x", ack=2),
        ),
    ),
    (
        "fence-regression",
        (1, 2),
        (
            append(0, 0, 1, "fence=x", ack=0),
            append(1, 2, 3, "fence=y", ack=1),
            append(0, 4, 5, "a", token="w", fence="x"),
        ),
    ),
    ("stale-read", (1, 2), (append(0, 0, 1, "a", ack=0), append(0, 2, 3, "b", ack=1), check_tail(1, 4, 5, 1))),
    ("append-reorder", (0, 1), (append(0, 0, 1, "a", ack=1), append(1, 2, 3, "b", ack=0))),
    ("bad-ack", (0, 1), (append(0, 0, 5, "a b", ack=0), append(1, 0, 5, "c", ack=0))),
    ("match-violation", (1,), (append(0, 0, 1, "a", ack=0), append(1, 2, 3, "b", match=0, ack=1))),
    (
        "aborted-read",
        (0, 1),
        (append(0, 0, 1, "a", failed="rate_limited"), read(1, 2, 3, 0, saw="a")),
    ),
)
"""An anomaly, its minimal witness, and a history that shows it: on streams too long to try, by construction alone."""


@pytest.mark.parametrize(("anomaly", "witness", "ops"), CONSTRUCTED, ids=[case[0] for case in CONSTRUCTED])
def test_what_is_too_long_to_try_is_minimal_by_construction(
    anomaly: str, witness: tuple[int, ...], ops: tuple[Op, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 0)
    (violation,) = Linearizability().check(history(*ops)).violations
    assert (violation.anomaly, violation.operations) == (anomaly, witness)
    left = remainder(Story(ops, 0, "", anomaly), violation)
    assert not left.consistent
    assert all(left.without(op).consistent for op in violation.operations)


def test_trying_ends_when_it_has_cost_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TRIALS", 0)
    ops = (append(0, 1, 2, "a b", ack=0), append(1, 3, 4, "c", ack=2), check_tail(3, 7, 8, 0))
    (violation,) = Linearizability().check(history(*ops)).violations
    assert (violation.anomaly, violation.operations) == ("stale-read", (0, 2))
