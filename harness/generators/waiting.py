"""Generators that wait: for a while, or for something to happen."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from ..workload import PENDING, Completion, Context, Generator, Invocation, Pending, Step

Span: TypeAlias = float | tuple[float, float] | Callable[[Random], float]
"""A length of time in seconds: given, evenly distributed between two bounds, or drawn by a function."""

_SECOND: Final = 1_000_000_000


def after(span: Span, generator: Generator) -> Generator:
    """The operations of ``generator``, none of which starts before the span has passed.

    The span is drawn, and begins, when this is first asked while a thread is free.
    """
    return _After(span, generator, None)


def when(happened: Callable[[Invocation | Completion], bool], generator: Generator) -> Generator:
    """Nothing until an event of which ``happened`` says so, and then the operations of ``generator``.

    ``cycle`` makes it wait for the next such event when they are exhausted.
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
            # The draw is kept by having nothing for now: an answer with a time may be thrown away and asked for anew.
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
