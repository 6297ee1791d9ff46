"""Combinators that run generators one after another."""

from __future__ import annotations

from msgspec import Struct

from ..workload import PENDING, Completion, Context, Generator, Invocation, Step


def phases(*generators: Generator) -> Generator:
    """Return a generator that runs the given generators one after another, with a barrier between them.

    The next phase begins when the previous one is exhausted and every thread is free. Operations of different phases
    are therefore never concurrent.
    """
    return _Phases(generators, waiting=False)


def cycle(generator: Generator) -> Generator:
    """Return a generator that restarts ``generator`` from its beginning whenever it is exhausted, without a barrier.

    It ends only if ``generator`` is exhausted before it gives a single operation.
    """
    return _Cycle(generator, generator)


class _Phases(Struct, frozen=True):
    generators: tuple[Generator, ...]
    waiting: bool

    def next(self, context: Context) -> Step:
        generators, waiting = self.generators, self.waiting
        while generators:
            if waiting and len(context.free) < len(context.threads):
                return PENDING, _Phases(generators, waiting=True)
            step = generators[0].next(context)
            if step is not None:
                return step[0], _Phases((step[1], *generators[1:]), waiting=False)
            generators, waiting = generators[1:], True
        return None

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        if not self.generators:
            return self
        # While the next phase waits at the barrier, it sees how the previous phase ended.
        first = self.generators[0].update(context, event)
        return self if first is self.generators[0] else _Phases((first, *self.generators[1:]), self.waiting)


class _Cycle(Struct, frozen=True):
    first: Generator
    current: Generator

    def next(self, context: Context) -> Step:
        step = self.current.next(context)
        if step is None:
            step = self.first.next(context)
        return None if step is None else (step[0], _Cycle(self.first, step[1]))

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        current = self.current.update(context, event)
        return self if current is self.current else _Cycle(self.first, current)
