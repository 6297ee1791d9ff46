"""The seam between a run and a workload, after Jepsen's pure generators: what a workload is, seen from the harness.

A generator is an immutable value. The scheduler of a run asks it for the next invocation whenever a thread is
free and tells it of every invocation and completion; each time the generator answers with its successor.
It does no I/O, reads no clock and draws no randomness but from the context it is handed.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final, Protocol, TypeAlias

from .client.outcome import Outcome
from .s2 import Answer, Call


@dataclass(frozen=True, slots=True)
class Context:
    """What a generator may look at when it is asked.

    ``time`` is nanoseconds since the clients started. ``free`` lists the threads that could take an operation
    now, ``threads`` all of them (both ascending). ``process`` maps a thread to the process identity that acts
    on it now: a thread whose operation ended indefinitely gets a new one. ``random`` is seeded from the run's
    seed, and belongs to this one question.
    """

    time: int
    threads: tuple[int, ...]
    free: tuple[int, ...]
    process: tuple[int, ...]
    random: Random


@dataclass(frozen=True, slots=True)
class Invocation:
    """One operation to perform.

    ``thread`` None lets the scheduler take any free thread. ``purpose`` labels the operation for statistics
    and pictures (such as ``take-over``, ``zombie``, ``strong-read``); it never changes how it is judged.
    ``time`` is the intended start (ns since the clients started) in an open-loop run, from which latency is
    then counted; None means as soon as possible.
    """

    stream: str
    call: Call
    thread: int | None = None
    purpose: str = ""
    time: int | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """The end of an operation, as a generator is told of it. ``time`` is ns since the clients started."""

    time: int
    thread: int
    process: int
    invocation: Invocation
    outcome: Outcome[Answer]


class Pending:
    """The generator has nothing for now. Ask again after the next event, or when a moment has passed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "PENDING"


PENDING: Final = Pending()
"""What a generator answers when it has nothing for now."""

Step: TypeAlias = "tuple[Invocation | Pending, Generator] | None"


class Generator(Protocol):
    """A pure source of invocations."""

    def next(self, context: Context) -> Step:
        """The next invocation (or PENDING) and the successor; None when exhausted.

        An invocation whose ``thread`` is set names a member of ``context.free``. An invocation whose
        ``time`` lies ahead is held by the scheduler until then.
        """
        ...

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        """The successor after an operation was invoked (``thread`` is then set) or completed."""
        ...


@dataclass(frozen=True, slots=True)
class Exercise:
    """Something that a run must have done often enough to mean anything.

    ``counter`` names one of the counters of the statistics checker (its documentation lists them), for
    instance ``seq-num-mismatches``. Below ``at_least`` the verdict carries a warning.
    """

    counter: str
    at_least: int


@dataclass(frozen=True, slots=True)
class WorkloadOptions:
    """What a workload is told about the run it is to drive.

    ``rate`` is operations a second over all threads, None for as fast as possible. ``time_limit`` is seconds,
    ``operations`` a number of operations; None is no limit.
    """

    streams: tuple[str, ...]
    threads: int
    seed: int
    time_limit: float | None = None
    operations: int | None = None
    rate: float | None = None


class Workload(Protocol):
    """What clients do. A class with these members is registered under ``fencepost.workloads``.

    The entry point names a class (or any callable without arguments) that makes one. The class may also have
    ``checkers``, the names of the checkers that judge its histories: see :func:`checkers_of`.
    """

    name: str
    summary: str
    exercises: tuple[Exercise, ...]

    def generator(self, options: WorkloadOptions) -> Generator:
        """What the clients do until they drain. It includes the limits of ``options``."""
        ...


def checkers_of(workload: Workload) -> tuple[str, ...] | None:
    """Return the names of the checkers that a workload asks for; None means every general one that is registered."""
    names: tuple[str, ...] | None = getattr(workload, "checkers", None)
    return names
