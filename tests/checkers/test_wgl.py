"""Two oracles of two kinds, over two writings of the promises, say the same of every history."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from fencepost.harness.verdict import Validity
from fencepost.testing import append, check_tail, part, read, whole
from fencepost.testing.operations import Op
from tests.checkers.agreement import disagreement
from tests.checkers.damage import damaged, mutations_of
from tests.checkers.oracle import explain
from tests.checkers.random_histories import random_story
from tests.checkers.stories import ALL
from tests.checkers.timed_stories import timed_story
from tests.checkers.wgl import linearize

HISTORIES = 4_000
TIMED = 250
MANY = 100_000
NEVER_TO_BLAME = {"lose_accepted", "cut_off"}
"""What a client does not know, or did not wait for, is nobody's fault."""


def compare(seeds: range) -> Counter[str]:
    """How often the damage of each kind, alone, was noticed; fails where the oracles disagree on a story."""
    noticed: Counter[str] = Counter()
    for seed in seeds:
        random = Random(seed)
        story = random_story(random, "", ALL)
        story = damaged(random, story, ALL) if seed % 2 else story
        brute = explain(story.ops, **story.declared) is not None
        other = linearize(story.ops, **story.declared) is not None
        assert brute == other, f"seed {seed}: brute force says {brute}, the search {other}\n{story}"
        assert brute or seed % 2, f"seed {seed}: a correct stream is not explained\n{story}"
        if not brute:
            noticed[story.origin.strip()] += 1
    return noticed


def test_brute_force_and_the_search_of_wing_gong_and_lowe_agree_on_every_kind_of_operation() -> None:
    noticed = compare(range(HISTORIES))
    assert HISTORIES // 8 < noticed.total() < HISTORIES * 3 // 8
    kinds = {mutation.__name__ for mutation in mutations_of(ALL)}
    assert {name for name in kinds if noticed[name]} == kinds - NEVER_TO_BLAME


@pytest.mark.slow
def test_they_agree_on_many_more() -> None:
    compare(range(HISTORIES, HISTORIES + MANY))


def test_they_agree_on_timestamps_that_nobody_reports() -> None:
    explained = 0
    for seed in range(TIMED):
        story = timed_story(seed)
        validity, problem = disagreement(story)
        assert problem is None, f"{problem}\n{story}"
        assert (validity is Validity.VALID) == (linearize(story.ops, **story.declared) is not None), story
        explained += validity is Validity.VALID
    assert TIMED // 2 < explained < TIMED * 19 // 20


A_B = (append(0, 0, 1, "a", ack=0), append(0, 2, 3, "b", ack=1))
LATER = append(2, 8, 9, "z", ack=2)


@pytest.mark.parametrize("judge", ["brute force", "search"])
@pytest.mark.parametrize(
    ("ops", "explained"),
    [
        pytest.param(ops, explained, id=name)
        for name, explained, ops in (
            ("exact", True, (*A_B, check_tail(1, 4, 5, 2))),
            ("stale", False, (*A_B, check_tail(1, 4, 5, 1))),
            ("touching", True, (*A_B, check_tail(1, 3, 5, 1))),
            ("touching in a process", False, (*A_B, check_tail(0, 3, 5, 1))),
            ("lost and applied", True, (append(0, 0, None, "a"), append(1, 2, 3, "b", ack=1))),
            ("lost and too late", False, (append(0, 4, None, "a"), append(1, 2, 3, "b", ack=1))),
            ("later tail", True, (append(0, 0, 9, "a", ack=(0, 1, 2)), append(1, 0, 9, "b", ack=1))),
            ("later tail too soon", False, (append(0, 0, 9, "a", ack=(0, 1, 2)), append(1, 10, 11, "b", ack=1))),
            ("pipelined", True, (append(0, 0, 5, "a", session=0, ack=0), append(0, 1, 6, "b", session=0, ack=1))),
            ("out of order", False, (append(0, 0, 5, "a", session=0, ack=1), append(0, 1, 6, "b", session=0, ack=0))),
            (
                "after its failure",
                False,
                (append(0, 0, 5, "a", session=0, match=4, tail=0), append(0, 1, 6, "b", session=0, ack=0)),
            ),
            (
                "a lost one before an acknowledged one was applied",
                False,
                (
                    append(0, 0, None, "a", session=0),
                    append(0, 1, 6, "b", session=0, ack=0),
                ),
            ),
            (
                "lost ones are an ordered prefix",
                False,
                (
                    append(0, 0, None, "a", session=0),
                    append(0, 1, None, "b", session=0),
                    read(1, 7, 8, 0, saw="b"),
                ),
            ),
            (
                "a prefix of lost ones",
                True,
                (
                    append(0, 0, None, "a", session=0),
                    append(0, 1, None, "b", session=0),
                    read(1, 7, 8, 0, saw="a"),
                ),
            ),
            (
                "nothing comes after a refusal of its session",
                False,
                (
                    append(0, 0, None, "a", session=0),
                    append(0, 1, 2, "b", session=0, match=3, tail=0),
                    read(1, 7, 8, 0, saw="a"),
                ),
            ),
            ("in parts", True, (*A_B, read(1, 4, 9, 0, session=1, parts=[part(5, "a"), part(6, "b")], saw=""))),
            ("a part twice", False, (*A_B, read(1, 4, 9, 0, session=1, parts=[part(5, "a"), part(6, "a", at=0)]))),
            ("a part skipped", False, (*A_B, read(1, 4, 9, 0, session=1, parts=[part(5, ""), part(6, "b", at=1)]))),
            ("a part too soon", False, (*A_B, LATER, read(1, 4, 9, 0, session=1, parts=[part(6, "a b z")]))),
            ("cut short", True, (*A_B, read(1, 4, 9, 0, parts=[part(6, "a")]))),
            ("a lagging tail", True, (*A_B, read(1, 4, 9, 0, session=1, parts=[part(5, "a", followed=1)]))),
            (
                "a tail that goes back",
                False,
                (*A_B, read(1, 4, 9, 0, session=1, parts=[part(5, "", followed=2), part(6, "", followed=1)])),
            ),
            ("a bounded session ends at the tail", True, (*A_B, read(1, 4, 9, 0, session=1, count=5, saw="a b"))),
            ("a bounded session ends early", False, (*A_B, read(1, 4, 9, 0, session=1, count=5, saw="a"))),
            (
                "no implicit bound in a session",
                False,
                (
                    append(0, 0, 1, "a~600000", ack=0),
                    append(0, 2, 3, "b~600000", ack=1),
                    read(1, 4, 9, 0, session=1, count=5, saw="a~600000"),
                ),
            ),
            ("the hash of all", True, (*A_B, whole(1, 4, 5, "a b"))),
            ("the hash in another order", False, (*A_B, whole(1, 4, 5, "b a"))),
            ("a hash of what nobody sent", False, (append(0, 0, None, "a"), LATER, whole(1, 4, 5, "c y z"))),
        )
    ],
)  # fmt: skip
def test_by_hand_where_the_answer_is_plain(ops: tuple[Op, ...], explained: bool, judge: str) -> None:
    found = explain(ops) if judge == "brute force" else linearize(ops)
    assert (found is not None) == explained


def test_contents_that_were_there_before_are_sent_again_only_where_that_may_be() -> None:
    ops = (append(0, 0, 1, "a", ack=1), read(1, 2, 3, 0, saw="a a"))
    for unique in (True, False):
        assert (explain(ops, 1, "", unique=unique) is None) == unique
        assert (linearize(ops, 1, "", unique) is None) == unique
