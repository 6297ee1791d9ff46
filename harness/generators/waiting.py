"""Combinators that wait for a length of time or for an event."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from ..workload import PENDING, Completion, Context, Generator, Invocation, Pending, Step

Span: TypeAlias = float | tuple[float, float] | Callable[[Random], float]
"""A length of time in seconds: a number, two bounds of a uniform distribution, or a function that draws one."""

_SECOND: Final = 1_000_000_000


def after(span: Span, generator: Generator) -> Generator:
    """Return a generator that gives the operations of ``generator`` but starts none before the span has passed.

    The span is drawn and begins at the first call to ``next`` at which a thread is free.
    """
    return _After(span, generator, None)


def when(happened: Callable[[Invocation | Completion], bool], generator: Generator) -> Generator:
    """Return a generator that waits for an event for which ``happened`` is true, then becomes ``generator``.

    Wrap it in ``cycle`` to wait for the next such event once ``generator`` is exhausted.
    """
    return _When(happened, generator)


class _After(Struct, frozen=True):
    span: Span
    generator: Generator
    due: int | None

    def next(self, context: Context) -> Step:
        if self.due is None:
            if not context.free:
                return PENDING, self
            # PENDING keeps the draw. The run may discard an answer with a time and ask again, which would draw anew.
            due = context.time + round(_seconds(self.span, context) * _SECOND)
            return PENDING, _After(self.span, self.generator, due)
        step = self.generator.next(context)
        if step is None:
            return None
        answer, successor = step
        if not isinstance(answer, Pending) and context.time < self.due:
            answer = replace(answer, time=max(answer.time or 0, self.due))
        return answer, _After(self.span, successor, self.due)

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        generator = self.generator.update(context, event)
        return self if generator is self.generator else _After(self.span, generator, self.due)


class _When(Struct, frozen=True):
    happened: Callable[[Invocation | Completion], bool]
    generator: Generator

    def next(self, context: Context) -> Step:
        return PENDING, self

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        return self.generator if self.happened(event) else self


def _seconds(span: Span, context: Context) -> float:
    if callable(span):
        return span(context.random)
    return context.random.uniform(*span) if isinstance(span, tuple) else span
