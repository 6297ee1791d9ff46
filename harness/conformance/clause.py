"""The mark of a case: which clause it is about, in the words of the clause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias, TypeVar

import pytest

F = TypeVar("F", bound=Callable[..., object])
Kind: TypeAlias = Literal["positive", "negative", "boundary"]
"""What a case shows: that the promise is kept, that what is wrong is refused, or where the one turns into the other."""


def clause(number: str, quote: str, kind: Kind = "positive") -> Callable[[F], F]:
    """Return a decorator that marks a case with the number of its clause, words of it, and what the case shows."""
    mark = pytest.mark.clause(number, quote, kind)

    def marked(case: F) -> F:
        return mark(case)  # type: ignore[no-any-return]

    return marked
