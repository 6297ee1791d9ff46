"""A violation's sentences and its witness speak of the same operations."""

from __future__ import annotations

import re

import pytest

from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.verdict import Violation
from tests.checkers.damage import story_of
from tests.checkers.stories import ALL

HISTORIES = 1_000
"""Damaged ones, of which some four tenths are invalid."""


def unlike(violation: Violation) -> str | None:
    """Which operations are only in the sentences of a violation, or only in its witness; None if none are."""
    named = {int(number) for text in violation.sentences for number in re.findall(r"#(\d+)", text)}
    strangers = named.difference(violation.operations, violation.context)
    silent = set(violation.operations) - named
    if strangers or silent:
        return f"{violation}: {sorted(strangers)} are only in the sentences, {sorted(silent)} only in the witness"
    return None


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


@pytest.mark.slow
def test_sentences_and_witness_are_about_the_same_operations_in_many_more() -> None:
    compare(range(2 * HISTORIES + 1, 50 * HISTORIES, 2))
