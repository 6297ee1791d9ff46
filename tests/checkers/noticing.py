"""Which judge notices a mutant, and in which case.

``noticed.json`` remembers by which judge and in which case each mutant was noticed, so that this is tried first.
``python -m tests.checkers.noticing`` writes it again: for the mutants whose entry is missing or outdated, for all with
``--all``. It prints those that nothing notices.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.checkers.judges import JUDGES
from tests.checkers.known_cases import named, names
from tests.checkers.mutating import MUTANTS, Mutant

NOTICED: Final = Path(__file__).with_name("noticed.json")

_OF_SPEC: Final = "literal", "orders"
ASKED: Final[Mapping[str, tuple[str, ...]]] = {
    "kernel.spec": _OF_SPEC,
    "kernel.columns": _OF_SPEC,
    "kernel.ahead": _OF_SPEC,
    "kernel.log": _OF_SPEC,
    "kernel.accept": ("orders", "decision"),
    "kernel.facts": ("refutation",),
    "kernel.gone": ("refutation", "proposal"),
    "kernel.least": ("refutation",),
    "kernel.refute": ("refutation",),
    "kernel.stops": ("refutation",),
    "kernel.exhaust": ("search",),
    "kernel.openings": ("search",),
    "kernel.situation": ("search",),
    "linearizability.attempts": ("decision",),
    "linearizability.decide": ("decision",),
    "propose.propose": ("proposal",),
    "propose.tails": ("proposal",),
    "propose.chain": ("proposal",),
    "propose.states": ("proposal",),
}
"""The judges that are asked about mutants of a module, in this order."""


def noticed_by(mutant: Mutant, judges: tuple[str, ...], cases: Iterator[str]) -> tuple[str, str] | None:
    """The first judge and case that notice a mutant."""
    for name in cases:
        case = named(name)
        for judge in judges:
            case.know(judge)
        with pytest.MonkeyPatch.context() as patch:
            mutant.apply(patch)
            for judge in judges:
                if JUDGES[judge](case) is not None:
                    return judge, name
    return None


def hints() -> dict[str, tuple[str, str]]:
    """The judge and the case that noticed each mutant when ``noticed.json`` was written."""
    noticed: dict[str, str] = json.loads(NOTICED.read_text())
    return {mutant: (how.partition(" ")[0], how.partition(" ")[2]) for mutant, how in noticed.items()}


def is_noticed(mutant: Mutant) -> bool:
    """Whether anything notices a mutant; what did so last is asked first."""
    judges = ASKED[mutant.module]
    hint = hints().get(str(mutant))
    if hint is not None and hint[1] in names() and noticed_by(mutant, (hint[0],), iter([hint[1]])):
        return True
    return noticed_by(mutant, judges, iter(names())) is not None


def main() -> None:
    """Write ``noticed.json``; each mutant that nothing notices costs up to a minute."""
    old = hints() if NOTICED.exists() and "--all" not in sys.argv else {}
    found: dict[str, str] = {}
    for mutant in MUTANTS:
        hint = old.get(str(mutant))
        if hint is None or not noticed_by(mutant, (hint[0],), iter([hint[1]])):
            hint = noticed_by(mutant, ASKED[mutant.module], iter(names()))
        if hint is None:
            print(f"nothing notices {mutant}")
        else:
            found[str(mutant)] = " ".join(hint)
    NOTICED.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
