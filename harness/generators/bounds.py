"""How many operations, for how long, and when each of them is meant to start."""

from __future__ import annotations

from enum import Enum
from math import log
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from ..workload import (
    PENDING,
    Completion,
    Context,
    Generator,
    Invocation,
    Pending,
    Step,
    WorkloadOptions,
)

_SECOND: Final = 1_000_000_000
_64_BITS: Final = 2**64 - 1


class Spacing(Enum):
    """How the intended starts of an open-loop run lie in time."""

    POISSON = "poisson"
    EVEN = "even"


def limit(operations: int, generator: Generator) -> Generator:
    """At most so many operations. PENDING does not count."""
    if operations < 0:
        raise ValueError(f"a limit of {operations} operations: it cannot be negative")
    return _Limit(generator, operations)


def time_limit(seconds: float, generator: Generator) -> Generator:
    """Only operations that start within so many seconds of the moment when this generator was first asked.

    The intended start counts where there is one. A backlog of intended starts is dropped when the time is over.
    """
    if not seconds >= 0:
        raise ValueError(f"a time limit of {seconds} s: it cannot be negative")
    return _TimeLimit(generator, round(seconds * _SECOND), None)


def stagger(rate: float, generator: Generator, spacing: Spacing = Spacing.POISSON) -> Generator:
    """An open loop of ``rate`` operations per second over all threads, from the moment when this was first asked.

    Each operation gets an intended start, ``Invocation.time``, from a schedule that knows nothing of how long
    operations take: when every thread is busy the schedule goes on, late operations follow as fast as threads
    become free, and their latency is counted from when they were meant to start. ``POISSON`` draws independent
    exponential gaps, as many unrelated clients would make; ``EVEN`` makes all gaps equal.
    """
    if not rate > 0:
        raise ValueError(f"a rate of {rate} operations per second: it must be positive")
    return _Stagger(generator, _SECOND / rate, spacing, None, None)


def bounded(generator: Generator, options: WorkloadOptions) -> Generator:
    """The generator within the rate, the number of operations and the time limit of a run."""
    if options.rate is not None:
        generator = stagger(options.rate, generator)
    if options.operations is not None:
        generator = limit(options.operations, generator)
    if options.time_limit is not None:
        generator = time_limit(options.time_limit, generator)
    return generator


class _Limit(Struct, frozen=True):
    generator: Generator
    left: int

    def next(self, context: Context) -> Step:
        if self.left == 0:
            return None
        step = self.generator.next(context)
        if step is None:
            return None
        answer, successor = step
        return answer, _Limit(successor, self.left - (not isinstance(answer, Pending)))

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        updated = self.generator.update(context, event)
        return self if updated is self.generator else _Limit(updated, self.left)


class _TimeLimit(Struct, frozen=True):
    generator: Generator
    duration: int
    deadline: int | None

    def next(self, context: Context) -> Step:
        deadline = context.time + self.duration if self.deadline is None else self.deadline
        if context.time >= deadline:
            return None
        step = self.generator.next(context)
        if step is None:
            return None
        answer, successor = step
        if isinstance(answer, Invocation) and answer.time is not None and answer.time >= deadline:
            return None
        return answer, _TimeLimit(successor, self.duration, deadline)

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        return _TimeLimit(self.generator.update(context, event), self.duration, self.deadline)


class _Stagger(Struct, frozen=True):
    """``due`` is the next intended start, kept in fractions of a nanosecond so that even gaps add up exactly.

    ``state`` is that of a random number generator of its own: what the operations draw does not move the schedule.
    """

    generator: Generator
    gap: float
    spacing: Spacing
    due: float | None
    state: int | None

    def next(self, context: Context) -> Step:
        due = float(context.time) if self.due is None else self.due
        state = context.random.getrandbits(64) if self.state is None else self.state
        step = self.generator.next(context)
        if step is None:
            return None
        answer, successor = step
        if isinstance(answer, Pending):
            return PENDING, _Stagger(successor, self.gap, self.spacing, due, state)
        start = round(due) if answer.time is None else max(round(due), answer.time)
        drawn, state = _split_mix(state)
        gap = self.gap if self.spacing is Spacing.EVEN else -self.gap * log(1.0 - drawn)
        return replace(answer, time=start), _Stagger(successor, self.gap, self.spacing, due + gap, state)

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        return _Stagger(self.generator.update(context, event), self.gap, self.spacing, self.due, self.state)


def _split_mix(state: int) -> tuple[float, int]:
    """A random number from 0 to 1 and the next state: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    state = mixed = (state + 0x9E3779B97F4A7C15) & _64_BITS
    mixed = ((mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9) & _64_BITS
    mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) & _64_BITS
    return ((mixed ^ mixed >> 31) >> 11) * 2.0**-53, state
