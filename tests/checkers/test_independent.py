"""What is told accuses enough, and nobody without need: by brute force on small histories.

Relax every operation that is accused, and an order explains the rest; leave any one of them as it was, and none does.
"""

from __future__ import annotations

from fencepost.checkers.linearizability import Linearizability
from tests.checkers.damage import story_of
from tests.checkers.relaxation import Remainder
from tests.checkers.stories import ALL, Story

HISTORIES = 120
MOST_APPENDS = 4
"""Relaxed, each may be anywhere: brute force tries them all in every order."""


def faults(story: Story) -> list[str]:
    """What is wrong with whom the violations of a story accuse."""
    violations = Linearizability(minimal=False).check(story.history).violations
    accused = {op for violation in violations for op in violation.accused}
    if not violations:
        return []
    wrong = [] if _consistent(story, accused) else [f"without {sorted(accused)} something is wrong still"]
    for op in accused if not wrong else ():
        if _consistent(story, accused - {op}):
            wrong.append(f"{op} is accused without need, beside {sorted(accused - {op})}")
    return [f"{one}: {[violation.anomaly for violation in violations]}\n{story}" for one in wrong]


def _consistent(story: Story, accused: set[int]) -> bool:
    """Whether an order explains the story if these are relaxed, answers with all of their parts."""
    return Remainder(story, frozenset(range(len(story.ops))) - accused, frozenset()).consistent


def test_without_the_accused_and_only_so_an_order_explains_the_rest() -> None:
    stories = [story_of(seed, ALL) for seed in range(1, 2 * HISTORIES, 2)]
    few = [story for story in stories if sum(op.kind == "append" for op in story.ops) <= MOST_APPENDS]
    wrong = [fault for story in few for fault in faults(story)]
    assert not wrong, f"{len(wrong)} of {len(few)} histories; the first:\n\n" + "\n\n".join(wrong[:3])
