"""What the kernel refutes without a search: nothing that some order explains, and nearly all that none does."""

from __future__ import annotations

import pytest

from fencepost.checkers.kernel import columns, refute
from fencepost.checkers.kernel.columns import requirements, rows_of
from fencepost.checkers.kernel.contradiction import Contradiction
from fencepost.harness.history.history import History
from fencepost.testing import append, check_tail, history, read
from fencepost.testing.operations import Op
from tests.checkers.damage import story_of
from tests.checkers.goldens import GOLDENS
from tests.checkers.stories import ALL, Story
from tests.checkers.timed_stories import timed_story
from tests.checkers.wgl import linearize

TIMED = 150
LEFT = 0.03
"""The share of invalid histories that may be left to a search."""

A = append(0, 0, 1, "a", ack=0)
A_B = (A, append(0, 2, 3, "b", ack=1))
LOST_B = append(0, 2, None, "b")

RULES: dict[str, tuple[Op, ...]] = {
    "aborted": (append(0, 0, 1, "a", failed="invalid"), LOST_B, read(1, 4, 5, 0, saw="a")),
    "absent": (A, check_tail(1, 4, 5, failed="stream_not_found")),
    "behind": (*A_B, check_tail(1, 4, 5, tail=1)),
    "duplicate": (A, LOST_B, read(1, 4, 5, 0, saw="a a")),
    "never-sent": (A, LOST_B, read(1, 4, 5, 0, saw="a c")),
    "too-large": (*A_B, read(1, 4, 5, 0, bytes=17, saw="a b")),
    "too-late": (*A_B, read(1, 4, 5, 0, until=1001, saw="a b")),
    "too-many": (*A_B, read(1, 4, 5, 0, count=1, saw="a b")),
}
"""Rules that no golden history breaks first, each with a history that does."""


def contradiction(held: History) -> Contradiction | None:
    """What is refuted of the first stream of which anything is."""
    for stream, rows in enumerate(rows_of(held)):
        found = refute.refute(requirements(held, stream, rows), rows)
        if found is not None:
            assert set(found.rows) <= set(rows.tolist()), found
            return found
    return None


def explained(story: Story) -> bool:
    """Whether the oracle finds an order."""
    return linearize(story.ops, **story.declared) is not None


def test_nothing_that_an_order_explains_is_refuted_and_little_that_none_does_is_left() -> None:
    invalid = left = 0
    for story in map(timed_story, range(TIMED)):
        found, valid = contradiction(story.history), explained(story)
        assert not (found and valid), f"{found}\n{story}"
        invalid += not valid
        left += not valid and found is None
    assert invalid > TIMED // 8
    assert left <= LEFT * invalid


def test_the_compiled_loops_refute_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    histories = [story_of(seed, ALL).history for seed in range(1, 300, 2)]
    expected = [contradiction(held) for held in histories]
    monkeypatch.setattr(columns, "MANY", 0)
    for held, found in zip(histories, expected, strict=True):
        assert contradiction(held) in (found, None)


SEARCHED = {
    "trap-a-hash-tells-another-order",
    "trap-a-hash-that-no-order-has",
    "trap-a-hole-that-two-appends-want-to-begin",
    "trap-a-hole-that-two-fences-fill-in-the-other-order",
    "trap-a-hole-in-which-a-session-would-be-out-of-order",
}
"""What takes trying each way to fill a hole."""


def test_golden_histories() -> None:
    for golden in GOLDENS:
        found = contradiction(history(*golden.ops, tail=golden.tail, token=golden.token, unique=golden.unique))
        is_refuted = golden.anomaly is not None and golden.name not in SEARCHED
        assert (found is not None) == is_refuted, f"{golden.name}: {found}"


@pytest.mark.parametrize("rule", RULES)
def test_each_rule(rule: str) -> None:
    found = contradiction(history(*RULES[rule]))
    assert found is not None
    assert found.rule == rule


def test_no_tail_is_beyond_all_that_was_sent() -> None:
    """What may have filled a hole may also stand past it, but not both: the log has no room for that."""
    sent = append(0, 0, None, "a fence=x"), append(1, 0, None, "b")
    found = contradiction(history(*sent, check_tail(2, 3, 4, tail=3), read(3, 5, 6, timestamp=1018, saw="")))
    assert found is not None
