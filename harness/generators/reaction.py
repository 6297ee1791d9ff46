"""Generators changed on their way: each operation mapped, each event answered."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from ..workload import Completion, Context, Generator, Invocation, Step


def map_each(function: Callable[[Invocation], Invocation], generator: Generator) -> Generator:
    """Every operation, changed by a pure function that leaves its thread alone."""
    return _Map(function, generator)


def on_update(
    function: Callable[[Generator, Context, Invocation | Completion], Generator], generator: Generator
) -> Generator:
    """Let a pure function choose the successor whenever an operation is invoked or completes.

    ``function(generator, context, event)`` gets the generator as it was before the event, and gives what takes
    its place: ``generator.update(context, event)`` where it has nothing to add.
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
