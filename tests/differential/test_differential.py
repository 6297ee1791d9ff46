"""fencepost against s2-porcupine on some of the histories of ``make differential``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from fencepost.harness.verdict import Validity
from tests.differential.__main__ import table
from tests.differential.comparison import Form, Judged, judged
from tests.differential.opinion import Opinion
from tests.differential.rules import RULES
from tests.differential.stories import stories

HISTORIES = 300
FIRST = 1_000_000


@pytest.fixture(scope="module")
def found(opinion: Opinion) -> list[Judged]:
    return list(judged(stories(HISTORIES, FIRST), opinion))


def test_every_difference_falls_under_a_rule(found: list[Judged]) -> None:
    wrong = [each for each in found if not all(one.explained for one in each.compared)]
    assert not wrong, f"{len(wrong)} differ by no rule; the first of them:\n\n" + "\n\n".join(map(str, wrong[:3]))


@pytest.mark.parametrize("form", Form, ids=str)
def test_they_agree_often_on_sound_and_on_broken_histories(found: list[Judged], form: Form) -> None:
    said = Counter(one.ours for each in found for one in each.compared if one.form is form and one.agree)
    assert said[Validity.VALID] > HISTORIES // 8
    assert said[Validity.INVALID] > HISTORIES // 8


def test_the_table_counts_every_history_and_tells_the_rules_that_were_used(found: list[Judged]) -> None:
    told = table(found)
    for one in (one for each in found for one in each.compared):
        assert one.because is not None
        for name in one.because:
            assert f"\n{name}: " in told
    assert [rule.name for rule in RULES if f"\n{rule.name}: " in told] != []
    for part in told.split("| s2-porcupine |")[1:]:
        numbers = [
            int(line.split("|")[4]) for line in part.splitlines()[2:] if line.startswith(("| valid", "| inv", "| unk"))
        ]
        assert sum(numbers) == HISTORIES


class Contrary:
    """Says the opposite of what another says."""

    def __init__(self, other: Opinion) -> None:
        self._other = other

    def on(self, documents: Sequence[bytes]) -> list[Validity]:
        opposites = {Validity.VALID: Validity.INVALID, Validity.INVALID: Validity.VALID}
        return [opposites[verdict] for verdict in self._other.on(documents)]


def test_verdicts_that_are_wrong_are_found_out(opinion: Opinion) -> None:
    lied = list(judged(stories(40, FIRST), Contrary(opinion)))
    unexplained = [each for each in lied if not all(one.explained for one in each.compared)]
    assert len(unexplained) > 30
