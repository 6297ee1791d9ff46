"""The kernel accepts no forged proof, of whatever history, and every order that explains one."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from fencepost.checkers.kernel.accept import accept
from fencepost.checkers.kernel.columns import requirements
from tests.checkers.damage import story_of
from tests.checkers.forgeries import Forger
from tests.checkers.oracle import explain
from tests.checkers.stories import ALL
from tests.checkers.wgl import witness
from tests.checkers.witnesses import order_of

FORGERIES = 2_000
PARTS = 2
ORDERS = 500


@pytest.mark.parametrize("part", range(PARTS))
def test_no_forged_proof_is_accepted(part: int) -> None:
    forger, seed, invalid = Forger(), part, 0
    while forger.tried < FORGERIES // PARTS:
        story = story_of(2 * seed + 1, ALL)
        explained = explain(story.ops, **story.declared) is not None
        asked = requirements(story.history, 0, np.arange(len(story.history), dtype=np.int64))
        problem = forger.accepted(Random(seed), asked, explained)
        assert problem is None, f"{problem}\n{story}"
        invalid += not explained
        seed += PARTS
    assert invalid > FORGERIES // PARTS // 20


def test_every_order_that_explains_a_history_is_accepted() -> None:
    explained = 0
    for seed in range(ORDERS):
        story = story_of(seed, ALL)
        found = witness(story.ops, **story.declared)
        if found is not None:
            explained += 1
            judged, rows = story.history, np.arange(len(story.history), dtype=np.int64)
            asked = requirements(judged, 0, rows)
            accept(asked, rows, order_of(asked, found))
    assert explained > ORDERS // 2
