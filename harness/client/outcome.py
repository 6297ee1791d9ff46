"""How an operation can end: ok, definite failure, or indefinite.

The distinction between the last two is what a correctness test stands on: a *definite* failure promises
that the operation had no effect, an *indefinite* one promises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

T = TypeVar("T", covariant=True)


@dataclass(frozen=True, slots=True)
class Ok(Generic[T]):
    """It took effect, and this was the answer."""

    value: T


@dataclass(frozen=True, slots=True)
class Definite:
    """It had no effect, for certain.

    ``status`` is the HTTP status, or None where nothing was sent (``code`` is then ``not_sent``). ``body`` is
    the whole error body as it was parsed: of a 412 ``{"seq_num_mismatch": 7}`` or
    ``{"fencing_token_mismatch": "a"}``, of a 416 ``{"tail": {…}}``, else ``{"code": …, "message": …}``.
    """

    code: str
    status: int | None = None
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Indefinite:
    """It may or may not have taken effect, or may yet. ``reason`` says how that came about, for people.

    ``status`` and ``body`` hold what came back, if anything did.
    """

    reason: str
    status: int | None = None
    body: Mapping[str, Any] = field(default_factory=dict)


Outcome: TypeAlias = Ok[T] | Definite | Indefinite
"""How an operation ended: with an answer, a definite failure, or an indefinite one."""
