"""Where operations come from: given ones, one over and over, or a function of a state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct

from ..workload import PENDING, Completion, Context, Generator, Invocation, Step

S = TypeVar("S")


def once(invocation: Invocation) -> Generator:
    """This operation, one time."""
    return _Sequence((invocation,))


def sequence(*invocations: Invocation) -> Generator:
    """These operations in this order. One does not wait for the end of the one before: see ``phases``."""
    return _Sequence(invocations)


def repeat(invocation: Invocation) -> Generator:
    """This operation, for ever. Bound it with ``limit``."""
    return _Repeat(invocation)


def unfold(function: Callable[[S, Context], tuple[Invocation, S] | None], state: S) -> Generator:
    """Operations from a function of a state: ``function(state, context)`` gives one and the next state, or None to end.

    The function is asked only when a thread can take something. It must be pure: its randomness is
    ``context.random``, and the state is an immutable value. This is the way to number operations, so that no two
    records are equal.
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
