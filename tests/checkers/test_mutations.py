"""The tests of the checker, tested: whichever of its rules is broken, a small history shows it."""

from __future__ import annotations

from itertools import chain
from typing import Final

import pytest

from fencepost.harness.verdict import Validity
from tests.checkers.judges import JUDGES
from tests.checkers.known_cases import named, verdict_on
from tests.checkers.mutating import MUTANTS, Mutant
from tests.checkers.noticing import hints, is_noticed

PROPOSER: Final = "propose."
STORIES: Final = tuple(f"story {seed}" for seed in range(30))


def each(*mutants: Mutant) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("mutant", mutants, ids=[str(mutant) for mutant in mutants])


def test_nothing_is_noticed_where_nothing_is_broken() -> None:
    for judge, name in {*hints().values()}:
        named(name).know(judge)
        assert JUDGES[judge](named(name)) is None, f"{judge} of {name}"


@pytest.mark.parametrize("module", sorted({mutant.module for mutant in MUTANTS}))
def test_a_broken_rule_is_noticed(module: str) -> None:
    missed = [mutant for mutant in MUTANTS if mutant.module == module and not is_noticed(mutant)]
    assert not missed, "add histories that show that these break their rules:\n" + "\n".join(
        f"{mutant}  # {mutant.rule}" for mutant in missed
    )


@each(*(mutant for mutant in MUTANTS if mutant.module.startswith(PROPOSER)))
def test_a_wrong_proposer_makes_no_wrong_verdict(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [named(name) for name in chain(STORIES, [hints()[str(mutant)][1]])]
    mutant.apply(monkeypatch)
    for case in cases:
        right = Validity.VALID if case.is_explained else Validity.INVALID
        assert verdict_on(case) in (right, Validity.UNKNOWN), case.name


def test_where_to_look_first_is_known_of_every_mutant() -> None:
    """Else the tests above take minutes: ``python -m tests.checkers.noticing`` writes it down again."""
    assert {str(mutant) for mutant in MUTANTS} == hints().keys()
