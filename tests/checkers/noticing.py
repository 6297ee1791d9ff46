"""Which history shows that a rule of the checker is broken: the first of all that are judged wrongly then.

``noticed.json`` names it for each mutation, so that it can be looked at first. ``python -m tests.checkers.noticing``
writes that file anew. It is only a guess where to look: whatever it says, the others are looked at as well.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Final

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

NOTICED: Final = Path(__file__).with_name("noticed.json")
RANDOM: Final = 800


@dataclass(frozen=True, slots=True)
class Case:
    """A history, and what must be said of it: by its golden row, or else by brute force (is it ``explained``?)."""

    name: str
    history: History
    golden: Golden | None = None
    explained: bool = True

    def noticed(self) -> bool:
        """Whether the checker, as it is now, says something wrong of it."""
        try:
            result = Linearizability(minimal=self.golden is not None).check(self.history)
        except Exception:  # whatever it is, whoever looks notices it
            return True
        return self._misjudged(result)

    def _misjudged(self, result: CheckResult) -> bool:
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
    explained = explain(story.ops, **story.declared) is not None
    return Case(f"seed {seed}", story.history, None, explained)


def first_noticed(hint: str | None = None) -> str | None:
    """The name of a case that the checker, as it is now, misjudges: of that of this name, or else of the first."""
    if hint is not None and named(hint).noticed():
        return hint
    every = chain(golden_cases(), map(random_case, range(1, RANDOM)))
    return next((case.name for case in every if case.noticed()), None)


def named(name: str) -> Case:
    """The case of that name, or some other where there is none (any more)."""
    if name.startswith("seed "):
        return random_case(int(name.removeprefix("seed ")))
    return next((case for case in golden_cases() if case.name == name), golden_cases()[0])


def hints() -> dict[str, str]:
    """The case that showed each mutation when ``noticed.json`` was written."""
    found: dict[str, str] = json.loads(NOTICED.read_text())
    return found


def noticed_now(mutation: Mutation) -> str | None:
    """The first case that shows this mutation."""
    with pytest.MonkeyPatch.context() as patch:
        mutation.apply(patch)
        return first_noticed()


if __name__ == "__main__":
    found = {mutation.name: noticed_now(mutation) for mutation in MUTATIONS}
    NOTICED.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
