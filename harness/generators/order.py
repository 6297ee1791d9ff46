"""One generator after another."""

from __future__ import annotations

from msgspec import Struct

from ..workload import PENDING, Completion, Context, Generator, Invocation, Step


def phases(*generators: Generator) -> Generator:
    """One generator after another, with a barrier between them.

    The next begins when the one before is exhausted and every thread is free, so that no operation of one phase
    is concurrent with one of another.
    """
    return _Phases(generators, waiting=False)


def cycle(generator: Generator) -> Generator:
    """This generator, and when it is exhausted the same from its beginning, for ever (without a barrier).

    It ends only if the generator is exhausted before it gives a single operation.
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
        # While it waits, the coming phase learns how the phase before it ended.
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
