"""Limits on the number of operations and on their duration, and schedules of intended starts."""

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
    """How an open-loop run spaces its intended starts in time."""

    POISSON = "poisson"
    EVEN = "even"


def limit(operations: int, generator: Generator) -> Generator:
    """Return a generator that gives at most ``operations`` operations. PENDING does not count as one."""
    if operations < 0:
        raise ValueError(f"a limit of {operations} operations: it cannot be negative")
    return _Limit(generator, operations)


def time_limit(seconds: float, generator: Generator) -> Generator:
    """Return a generator that gives only operations that start within ``seconds`` of its first call to ``next``.

    An operation with an intended start counts as starting then. When the time is up, the generator drops any backlog
    of intended starts.
    """
    if not seconds >= 0:
        raise ValueError(f"a time limit of {seconds} s: it cannot be negative")
    return _TimeLimit(generator, round(seconds * _SECOND), None)


def stagger(rate: float, generator: Generator, spacing: Spacing = Spacing.POISSON) -> Generator:
    """Return a generator that runs an open loop of ``rate`` operations per second over all threads.

    The schedule begins at the first call to ``next``. It gives each operation an intended start, ``Invocation.time``,
    regardless of how long operations take. When every thread is busy, the schedule continues. Late operations start
    as soon as threads become free, and their latency counts from their intended start. ``POISSON`` draws independent
    exponential gaps, like the arrivals of many unrelated clients. ``EVEN`` makes all gaps equal.
    """
    if not rate > 0:
        raise ValueError(f"a rate of {rate} operations per second: it must be positive")
    return _Stagger(generator, _SECOND / rate, spacing, None, None)


def bounded(generator: Generator, options: WorkloadOptions) -> Generator:
    """Return a generator that keeps to the rate, the number of operations and the time limit of a run."""
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
    """A generator on a schedule of intended starts.

    ``due`` is the next intended start in nanoseconds. It is a float because rounding every gap would accumulate error.
    ``state`` belongs to a separate random number generator, so that draws for operations do not change the schedule.
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
    """Return a random number in [0, 1) and the next state, by SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    state = mixed = (state + 0x9E3779B97F4A7C15) & _64_BITS
    mixed = ((mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9) & _64_BITS
    mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) & _64_BITS
    return ((mixed ^ mixed >> 31) >> 11) * 2.0**-53, state
