"""Combinators that transform each operation of a generator, or its reaction to each event."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from ..workload import Completion, Context, Generator, Invocation, Step


def map_each(function: Callable[[Invocation], Invocation], generator: Generator) -> Generator:
    """Return a generator that applies a pure ``function`` to every operation. The function must keep the thread."""
    return _Map(function, generator)


def on_update(
    function: Callable[[Generator, Context, Invocation | Completion], Generator], generator: Generator
) -> Generator:
    """Return a generator whose successor a pure function chooses whenever an operation is invoked or completes.

    ``function(generator, context, event)`` receives the generator as it was before the event and returns its
    replacement. To keep the default behaviour, return ``generator.update(context, event)``.
    """
    return _OnUpdate(function, generator)


class _Map(Struct, frozen=True):
    function: Callable[[Invocation], Invocation]
    generator: Generator

    def next(self, context: Context) -> Step:
        step = self.generator.next(context)
        if step is None:
            return None
        answer, successor = step
        return (self.function(answer) if isinstance(answer, Invocation) else answer), _Map(self.function, successor)

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        return _Map(self.function, self.generator.update(context, event))


class _OnUpdate(Struct, frozen=True):
    function: Callable[[Generator, Context, Invocation | Completion], Generator]
    generator: Generator

    def next(self, context: Context) -> Step:
        step = self.generator.next(context)
        return None if step is None else (step[0], _OnUpdate(self.function, step[1]))

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        return _OnUpdate(self.function, self.function(self.generator, context, event))
