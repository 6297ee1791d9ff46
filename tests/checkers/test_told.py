"""A violation's sentences and its witness speak of the same operations."""

from __future__ import annotations

import pytest

from fencepost.checkers.linearizability import Linearizability
from tests.checkers.damage import story_of
from tests.checkers.stories import ALL
from tests.checkers.told import unlike

HISTORIES = 1_000
"""Damaged ones, of which some four tenths are invalid."""


def compare(seeds: range) -> int:
    """The number of violations that the stories of these seeds show; fails where the sentences are about others."""
    found, wrong = 0, []
    for seed in seeds:
        story = story_of(seed, ALL)
        for violation in Linearizability().check(story.history).violations:
            found += 1
            problem = unlike(violation)
            if problem is not None:
                wrong.append(f"{problem}\n{story}")
    assert not wrong, f"{len(wrong)} of {found} violations; the first:\n\n" + "\n\n".join(wrong[:3])
    return found


@pytest.mark.parametrize("part", range(4))
def test_sentences_and_witness_are_about_the_same_operations(part: int) -> None:
    size = 2 * HISTORIES // 4
    assert compare(range(part * size + 1, (part + 1) * size, 2)) > HISTORIES // 10
