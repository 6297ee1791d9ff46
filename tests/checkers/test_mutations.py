"""The tests of the checker, tested: whatever rule of it is broken, a golden or a random history shows it."""

from __future__ import annotations

import pytest

from tests.checkers.mutating import Mutation
from tests.checkers.mutations import MUTATIONS
from tests.checkers.noticing import first_noticed, hints


def test_nothing_is_noticed_where_nothing_is_broken() -> None:
    assert first_noticed() is None


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[mutation.name for mutation in MUTATIONS])
def test_a_broken_rule_is_noticed(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation.apply(monkeypatch)
    noticed = first_noticed(hints().get(mutation.name))
    assert noticed is not None, f"nothing shows that {mutation.name}: add a history that does"


def test_every_mutation_has_a_name_of_its_own() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)


def test_where_to_look_first_is_known_of_most() -> None:
    """Else the tests above take minutes: ``python -m tests.checkers.noticing`` writes it down again."""
    assert len({mutation.name for mutation in MUTATIONS} - hints().keys()) < len(MUTATIONS) // 10
