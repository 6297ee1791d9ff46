"""How an operation can end: ok, definite failure, or indefinite.

A correctness test depends on the difference between the last two. A *definite* failure promises that the operation had
no effect. An *indefinite* outcome promises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

T = TypeVar("T", covariant=True)


@dataclass(frozen=True, slots=True)
class Ok(Generic[T]):
    """The outcome of an operation that took effect, with its answer."""

    value: T


@dataclass(frozen=True, slots=True)
class Definite:
    """The outcome of an operation that certainly had no effect.

    ``status`` is the HTTP status, or None if nothing was sent (``code`` is then ``not_sent``). ``body`` is the whole
    parsed error body: ``{"seq_num_mismatch": 7}`` or ``{"fencing_token_mismatch": "a"}`` for a 412, ``{"tail": {…}}``
    for a 416, and ``{"code": …, "message": …}`` otherwise.
    """

    code: str
    status: int | None = None
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Indefinite:
    """The outcome of an operation that may have taken effect, or may still do so. ``reason`` explains why, for people.

    ``status`` and ``body`` hold the answer, if there was one.
    """

    reason: str
    status: int | None = None
    body: Mapping[str, Any] = field(default_factory=dict)


Outcome: TypeAlias = Ok[T] | Definite | Indefinite
"""How an operation ended: with an answer, a definite failure, or an indefinite one."""
