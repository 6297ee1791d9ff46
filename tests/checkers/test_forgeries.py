"""The kernel accepts no forged proof, of whatever history, and every order that explains one."""

from __future__ import annotations

from random import Random

import pytest

from tests.checkers.damage import story_of
from tests.checkers.forgeries import Forger
from tests.checkers.oracle import explain
from tests.checkers.stories import ALL

FORGERIES = 2_000
PARTS = 2


@pytest.mark.parametrize("part", range(PARTS))
def test_no_forged_proof_is_accepted(part: int) -> None:
    forger, seed, invalid = Forger(), part, 0
    while forger.tried < FORGERIES // PARTS:
        story = story_of(2 * seed + 1, ALL)
        explained = explain(story.ops, story.tail, story.token, unique=story.unique) is not None
        problem = forger.accepted(Random(seed), story.history, explained)
        assert problem is None, f"{problem}\n{story}"
        invalid += not explained
        seed += PARTS
    assert invalid > FORGERIES // PARTS // 20
