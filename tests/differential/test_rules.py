"""The rules that explain differences: each on a history by hand that differs by nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from fencepost.harness.verdict import Validity
from fencepost.testing import Op, append, check_tail, read
from tests.checkers.stories import Story
from tests.differential.rules import OTHERS, RULES, Rule, by_rules, oracle, rules_behind
from tests.differential.stories import story_of


def story(*ops: Op, tail: int = 0, token: str | None = "") -> Story:
    return Story(ops, tail, token, "by hand")


BY_HAND = {
    "initial-token": story(append(0, 0, 1, "a", token="", ack=0)),
    "unknown-first-token": story(append(0, 0, 1, "a", token="x", ack=0), token=None),
    "any-definite-failure": story(append(0, 0, 1, "a", match=0, tail=0)),
    "exact-reads-only": story(append(0, 0, 1, "a b", ack=0), read(0, 2, 3, 1, saw="a")),
    "operations-alone": story(
        append(0, 0, 1, "a", session=0, failed="rate_limited"), append(0, 2, 3, "b", session=0, ack=0)
    ),
    "earlier-records": story(append(0, 0, 1, "a", failed="rate_limited"), read(0, 2, 3, 0, saw="a"), tail=1),
    "acks-as-tails": story(append(0, 0, 1, "a", ack=(0, 1, 2)), append(0, 2, 3, "b", ack=1)),
    "no-timestamps": story(append(0, 0, 1, "a", ack=0), read(0, 2, 3, 0, saw="a@7")),
    "absent-streams": story(append(0, 0, 1, "a", ack=0), check_tail(0, 2, 3, failed="stream_not_found")),
    "no-process-order": story(append(0, 0, 2, "a", ack=0), check_tail(0, 2, 3, 0)),
}


def opposite(validity: Validity) -> Validity:
    return Validity.INVALID if validity is Validity.VALID else Validity.VALID


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_alone_is_behind_a_difference(rule: Rule) -> None:
    told = BY_HAND[rule.name]
    ours = oracle(told)
    assert ours is (Validity.VALID if rule.stricter else Validity.INVALID)
    assert rules_behind(told, ours, opposite(ours), RULES) == (rule.name,)


def test_all_that_it_takes_are_named() -> None:
    lied_to = story(append(0, 0, 1, "a b", match=0, tail=0), read(0, 2, 3, 0, count=2, saw="a b"))
    assert rules_behind(lied_to, Validity.INVALID, Validity.VALID, OTHERS) == (
        "any-definite-failure",
        "exact-reads-only",
    )


def test_a_verdict_that_is_wrong_falls_under_no_rule() -> None:
    sound = story(append(0, 0, 1, "a", ack=0), check_tail(0, 2, 3, 1), read(0, 4, 5, 0, saw="a"))
    assert rules_behind(sound, Validity.VALID, Validity.INVALID, RULES) is None
    stale = story(append(0, 0, 1, "a", ack=0), check_tail(1, 2, 3, 0))
    assert rules_behind(stale, Validity.INVALID, Validity.VALID, RULES) is None


def test_what_takes_evidence_away_makes_nothing_invalid() -> None:
    loose = [rule for rule in RULES if not rule.stricter]
    for seed in range(400):
        told = story_of(seed)
        if oracle(told) is Validity.VALID:
            assert oracle(by_rules(told, loose)) is Validity.VALID, str(told)


def test_the_page_on_it_has_every_rule() -> None:
    page = (Path(__file__).parents[2] / "docs" / "differential.md").read_text(encoding="utf-8")
    for rule in RULES:
        assert f"| {rule.name} | {rule.why} |" in page
