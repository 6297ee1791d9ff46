"""Two oracles of two kinds, over two writings of the promises, say the same of every history."""

from __future__ import annotations

from random import Random

import pytest

from tests.checkers.histories import append, check_tail
from tests.checkers.operations import Op
from tests.checkers.oracle import explain
from tests.checkers.random_histories import damaged, random_story
from tests.checkers.wgl import linearize

HISTORIES = 8_000


def test_brute_force_and_the_search_of_wing_gong_and_lowe_agree() -> None:
    explained = 0
    for seed in range(HISTORIES):
        random = Random(seed)
        story = random_story(random, f"seed {seed}:")
        story = damaged(random, story) if seed % 2 else story
        brute = explain(story.ops, story.tail, story.token) is not None
        other = linearize(story.ops, story.tail, story.token) is not None
        assert brute == other, f"brute force says {brute}, the search {other}\n{story}"
        explained += brute
    assert HISTORIES // 4 < explained < HISTORIES * 9 // 10


A_B = (append(0, 0, 1, "a", ack=0), append(0, 2, 3, "b", ack=1))


@pytest.mark.parametrize(
    ("ops", "order"),
    [
        ((*A_B, check_tail(1, 4, 5, 2)), (0, 1, 2)),
        ((*A_B, check_tail(1, 4, 5, 1)), None),
        ((*A_B, check_tail(1, 3, 5, 1)), (0, 2, 1)),
        ((*A_B, check_tail(0, 3, 5, 1)), None),  # one process, even at one instant
        ((append(0, 0, None, "a"), append(1, 2, 3, "b", ack=1)), (0, 1)),
        ((append(0, 4, None, "a"), append(1, 2, 3, "b", ack=1)), None),
        ((append(0, 0, 9, "a", ack=(0, 1, 2)), append(1, 0, 9, "b", ack=1)), (0, 1)),
        ((append(0, 0, 9, "a", ack=(0, 1, 2)), append(1, 10, 11, "b", ack=1)), None),
    ],
)
def test_by_hand_where_the_answer_is_plain(ops: tuple[Op, ...], order: tuple[int, ...] | None) -> None:
    assert linearize(ops) == order
