"""The tests of the checker, tested: whatever rule of it is broken, a golden or a random history shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import pytest

from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.history.history import History
from fencepost.harness.verdict import CheckResult, Validity
from fencepost.testing import append, history, read
from tests.checkers.damage import story_of
from tests.checkers.golden_case import Golden, misjudged
from tests.checkers.goldens import GOLDENS
from tests.checkers.mutating import Mutation
from tests.checkers.mutations import MUTATIONS
from tests.checkers.oracle import explain
from tests.checkers.stories import JUDGED

RANDOM = 800


@dataclass(frozen=True, slots=True)
class Case:
    """A history, and what must be said of it: by its golden row, or else by brute force (is it ``explained``?)."""

    name: str
    history: History
    golden: Golden | None = None
    explained: bool = True

    def misjudged(self, result: CheckResult) -> bool:
        """Whether this is a wrong verdict."""
        if self.golden is not None:
            return misjudged(self.golden, result) is not None
        return result.validity is (Validity.INVALID if self.explained else Validity.VALID)


@cache
def golden_cases() -> tuple[Case, ...]:
    found = []
    for golden in GOLDENS:
        columns = history(*golden.ops, tail=golden.tail, token=golden.token, unique=golden.unique)
        found.append(Case(golden.name, columns, golden))
    thousand = " ".join(f"r{i}" for i in range(1000))
    refused = append(2, 0, 1, "t", token="w", fence="")
    full = (
        refused,
        append(0, 0, 1, thousand, ack=0),
        append(0, 2, 3, "s", ack=1000),
        read(1, 4, 5, 0, saw=thousand),
        append(3, 0, None, "fence=x"),
    )
    return (*found, Case("a page of a thousand", history(*full)))


@cache
def random_case(seed: int) -> Case:
    story = story_of(seed, JUDGED)
    explained = explain(story.ops, story.tail, story.token, unique=story.unique) is not None
    return Case(f"seed {seed}", story.history, None, explained)


def cases() -> Iterator[Case]:
    yield from golden_cases()
    for seed in range(1, RANDOM):
        yield random_case(seed)


def first_noticed() -> str | None:
    for case in cases():
        try:
            result = Linearizability().check(case.history)
        except Exception:  # whatever it is, whoever looks notices it
            return case.name
        if case.misjudged(result):
            return case.name
    return None


def test_nothing_is_noticed_where_nothing_is_broken() -> None:
    assert first_noticed() is None


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[mutation.name for mutation in MUTATIONS])
def test_a_broken_rule_is_noticed(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation.apply(monkeypatch)
    noticed = first_noticed()
    assert noticed is not None, f"nothing shows that {mutation.name}: add a history that does"


def test_every_mutation_has_a_name_of_its_own() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)
