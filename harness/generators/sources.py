"""Generators that make operations: from a given list, by repeating one, or from a function of a state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct

from ..workload import PENDING, Completion, Context, Generator, Invocation, Step

S = TypeVar("S")


def once(invocation: Invocation) -> Generator:
    """Return a generator that gives this operation once."""
    return _Sequence((invocation,))


def sequence(*invocations: Invocation) -> Generator:
    """Return a generator of these operations, in this order. They may overlap: to wait for each one, use ``phases``."""
    return _Sequence(invocations)


def repeat(invocation: Invocation) -> Generator:
    """Return a generator that gives this operation for ever. Bound it with ``limit``."""
    return _Repeat(invocation)


def unfold(function: Callable[[S, Context], tuple[Invocation, S] | None], state: S) -> Generator:
    """Return a generator of the operations that a function makes from a state.

    ``function(state, context)`` returns an operation and the next state, or None to end. It is called only when a
    thread can take an operation. The function must be pure: it draws randomness from ``context.random`` alone, and the
    state is an immutable value. Use the state to number operations, so that no two records are equal.
    """
    return _Unfold(function, state)


class _Sequence(Struct, frozen=True):
    invocations: tuple[Invocation, ...]
    position: int = 0

    def next(self, context: Context) -> Step:
        if self.position == len(self.invocations):
            return None
        invocation = self.invocations[self.position]
        if context.taker(invocation) is None:
            return PENDING, self
        return invocation, _Sequence(self.invocations, self.position + 1)

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        return self


class _Repeat(Struct, frozen=True):
    invocation: Invocation

    def next(self, context: Context) -> Step:
        return (PENDING if context.taker(self.invocation) is None else self.invocation), self

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        return self


class _Unfold(Struct, Generic[S], frozen=True):
    function: Callable[[S, Context], tuple[Invocation, S] | None]
    state: S

    def next(self, context: Context) -> Step:
        if not context.ready:
            return PENDING, self
        made = self.function(self.state, context)
        if made is None:
            return None
        invocation, state = made
        if context.taker(invocation) is None:
            return PENDING, self
        return invocation, _Unfold(self.function, state)

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        return self
