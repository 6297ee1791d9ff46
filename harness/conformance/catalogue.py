"""The cases that come with fencepost, without running them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules

from . import cases as room
from .clause import NO_CLAUSE, clause_of


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case: its clause, what it quotes of it, what it shows (see :data:`.clause.Kind`), its name and its title."""

    clause: str
    quote: str
    kind: str
    name: str
    title: str


def cases() -> list[CaseRow]:
    """Return all cases, by file and as they stand there. Raise ValueError for one without clause or title."""
    found = []
    for file in sorted(module.name for module in iter_modules(room.__path__)):
        module = import_module(f"{room.__name__}.{file}")
        for name, value in vars(module).items():
            if not name.startswith("test_"):
                continue
            about = clause_of(value)
            if about is NO_CLAUSE or not value.__doc__:
                raise ValueError(f"{file}.{name} must have a clause and a docstring")
            title = value.__doc__.strip().splitlines()[0]
            found.append(CaseRow(about.number, about.quote, about.kind, f"{file}.{name}", title))
    return found
