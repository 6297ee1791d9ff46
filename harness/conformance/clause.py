"""The mark of a case: which clause it is about, in the words of the clause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, TypeVar

F = TypeVar("F", bound=Callable[..., object])
Kind: TypeAlias = Literal["positive", "negative", "boundary"]
"""What a case shows: that the promise is kept, that what is wrong is refused, or where the one turns into the other."""

_ATTRIBUTE: Final = "fencepost_clause"


@dataclass(frozen=True, slots=True)
class Clause:
    """What a case is about: the number of its clause, words of the clause, and what the case shows."""

    number: str
    quote: str
    kind: Kind


NO_CLAUSE: Final = Clause("–", "", "positive")
"""What a case of somebody's own is about if it does not say so."""


def clause(number: str, quote: str, kind: Kind = "positive") -> Callable[[F], F]:
    """Return a decorator that marks a case."""

    def marked(case: F) -> F:
        setattr(case, _ATTRIBUTE, Clause(number, quote, kind))
        return case

    return marked


def clause_of(case: object) -> Clause:
    """Return what a case is about."""
    found: Clause = getattr(case, _ATTRIBUTE, NO_CLAUSE)
    return found
