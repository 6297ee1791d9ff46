"""The seam between a run and a workload: the interface that every workload implements.

A generator is an immutable value, like Jepsen's pure generators. The scheduler of a run asks it for the next invocation
whenever a thread can take one, and passes every invocation and completion to it. Each time the generator returns its
successor. It does no I/O, and it takes the time and all randomness from the context that it receives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Final, Literal, Protocol, TypeAlias

from msgspec import Struct

from .client.outcome import Outcome
from .s2 import Answer, Append, Call

NEMESIS: Final = -1
"""The thread of the nemesis, which performs strikes. The threads of clients are numbered from 0."""

NO_SESSIONS: Final[Mapping[int, int]] = MappingProxyType({})


class Context(Struct, frozen=True, gc=False):
    """Everything that a generator may know about the run when it is asked.

    ``time`` is in nanoseconds since the clients started. ``threads`` are the threads that the generator may use, and
    ``free`` are the threads among them that have nothing in flight (both ascending). ``process[thread]`` is the process
    identity that acts on a thread now. A thread whose operation ended indefinitely gets a new one.

    ``sessions`` maps each thread that is not free, but could take another batch of its open append session, to the
    number of that session: see :attr:`Invocation.session`.

    ``random`` is valid for this one question. In a context of one thread it is that thread's own stream of random
    numbers: the numbers for the thread's n-th operation depend only on the run's seed, the thread and n. In a context
    of several threads it is a stream that they share. ``own(thread)`` returns the stream of a single thread.
    """

    time: int
    threads: tuple[int, ...]
    free: tuple[int, ...]
    process: tuple[int, ...]
    random: Random
    sessions: Mapping[int, int] = NO_SESSIONS
    own: Callable[[int], Random] | None = None

    def only(self, threads: tuple[int, ...]) -> Context:
        """Return this context restricted to some of its threads, given in ascending order."""
        if threads == self.threads:
            return self
        if len(threads) == 1:
            return self.alone(threads[0])
        free = tuple([thread for thread in self.free if thread in threads])
        sessions = self.sessions and {thread: self.sessions[thread] for thread in threads if thread in self.sessions}
        return Context(self.time, threads, free, self.process, self.random, sessions, self.own)

    def alone(self, thread: int) -> Context:
        """Return this context restricted to one of its threads."""
        threads = (thread,)
        if threads == self.threads:
            return self
        free = threads if thread in self.free else ()
        sessions = {thread: self.sessions[thread]} if thread in self.sessions else NO_SESSIONS
        random = self.own(thread) if self.own else self.random
        return Context(self.time, threads, free, self.process, random, sessions, self.own)

    def without_nemesis(self) -> Context:
        """Return this context restricted to the threads of clients."""
        if self.threads[:1] != (NEMESIS,):
            return self
        threads = self.threads[1:]
        free = self.free[1:] if self.free[:1] == (NEMESIS,) else self.free
        random = self.own(threads[0]) if len(threads) == 1 and self.own else self.random
        return Context(self.time, threads, free, self.process, random, self.sessions, self.own)

    def only_nemesis(self) -> Context:
        """Return this context restricted to the nemesis. It has no threads if the run has no nemesis."""
        return self.only((NEMESIS,) if self.threads[:1] == (NEMESIS,) else ())

    @property
    def ready(self) -> tuple[int, ...]:
        """The threads that could take an invocation now: free ones, and ones whose open session takes another batch."""
        return (*self.free, *self.sessions) if self.sessions else self.free

    def taker(self, invocation: Invocation) -> int | None:
        """Return the thread that would take this invocation now, or None if it has to wait.

        An invocation that names no thread goes to the first free thread of its kind: the nemesis for a strike, else a
        client.
        """
        thread = invocation.thread
        if thread is None:
            strikes = isinstance(invocation.call, Strike)
            return next((thread for thread in self.free if (thread == NEMESIS) is strikes), None)
        if thread in self.free or (invocation.batches and self.sessions.get(thread) == invocation.session):
            return thread
        return None


@dataclass(frozen=True, slots=True)
class Strike:
    """An operation of the nemesis that starts or heals the fault of that name."""

    fault: str
    phase: Literal["start", "heal"]


class Invocation(Struct, frozen=True, gc=False):
    """One operation to perform.

    ``thread`` None lets the scheduler choose any free thread. ``purpose`` labels the operation for statistics and
    pictures (such as ``take-over``, ``zombie``, ``strong-read``) and never affects a verdict. ``time`` is the intended
    start in an open-loop run (ns since the clients started), from which latency counts. None means as soon as possible.
    ``stream`` is empty for a strike.

    Any ``session`` number makes a read a **read session**. It makes an append a batch of the thread's append session
    with that number. If the thread's open session has another number, the scheduler closes it and opens a new one. A
    thread may have several batches of one session in flight, and ``Context.sessions`` says when it can take another.
    The first failure ends the session: the thread is free once every batch in flight has ended.

    A read session with a ``cut`` is broken off by the client once it has returned so many records: it ends
    indefinitely, so the thread goes on as a new process with a new connection.
    """

    stream: str
    call: Call[Answer] | Strike
    thread: int | None = None
    purpose: str = ""
    time: int | None = None
    session: int | None = None
    cut: int | None = None

    def on(self, thread: int) -> Invocation:
        """Return the same invocation on the given thread."""
        if self.thread == thread:
            return self
        return Invocation(self.stream, self.call, thread, self.purpose, self.time, self.session, self.cut)

    @property
    def batches(self) -> bool:
        """Whether the operation is a batch of an append session."""
        return self.session is not None and isinstance(self.call, Append)


class Completion(Struct, frozen=True, gc=False):
    """The end of an operation, as a generator sees it. ``time`` is in ns since the clients started.

    The value of an Ok is the answer to the call: an Ack, a Batch or a Tail, or None for a strike. For a read session it
    is the last part of the answer. ``reached`` is the seq_num after the last record that a read session returned,
    however the session ended. It is None if there was no such record.
    """

    time: int
    thread: int
    process: int
    invocation: Invocation
    outcome: Outcome[Answer | None]
    reached: int | None = None


class Pending:
    """The answer of a generator that has nothing for now. It is asked again after the next event or a moment later."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "PENDING"


PENDING: Final = Pending()
"""The only instance of :class:`Pending` that is needed."""

Step: TypeAlias = "tuple[Invocation | Pending, Generator] | None"


class Generator(Protocol):
    """A pure source of invocations."""

    def next(self, context: Context) -> Step:
        """Return the next invocation (or PENDING) and the successor, or None when exhausted.

        If the invocation names a thread, that thread must be able to take it: see :meth:`Context.taker`. An invocation
        with a future ``time`` waits until then. If an event happens first, the scheduler discards the answer and asks
        this generator again.
        """
        ...

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        """Return the successor after an operation was invoked (its ``thread`` is now set) or has completed."""
        ...


@dataclass(frozen=True, slots=True)
class Exercise:
    """Something that a run must do often enough for its verdict to mean anything.

    ``counter`` is the name of a counter of the statistics checker, such as ``seq-num-mismatches``. The documentation of
    that checker lists all counters. A run that counts fewer than ``at_least`` gets a warning beside its verdict.
    """

    counter: str
    at_least: int


@dataclass(frozen=True, slots=True)
class WorkloadOptions:
    """The settings of a run that its workload may use.

    ``threads`` is the number of clients. ``rate`` is in operations per second over all threads, and None means as fast
    as possible. ``time_limit`` (seconds) and ``operations`` (a number) end the run, and None means no limit.
    """

    streams: tuple[str, ...]
    threads: int
    seed: int
    time_limit: float | None = None
    operations: int | None = None
    rate: float | None = None


class Workload(Protocol):
    """The behaviour of the clients of a run. Workloads are registered under ``fencepost.workloads``.

    The entry point names a class, or any other callable without arguments, that makes an object with these members. The
    object may also have ``checkers``, the names of the checkers that judge its histories: see :func:`checkers_of`. If
    its clients append the same records more than once, it says ``unique_records = False``: see
    :func:`has_unique_records`.
    """

    name: str
    summary: str
    exercises: tuple[Exercise, ...]

    def generator(self, options: WorkloadOptions) -> Generator:
        """Return the generator of all client operations, within the limits of ``options``."""
        ...


def checkers_of(workload: Workload) -> tuple[str, ...] | None:
    """Return the names of the checkers that a workload asks for. None means every registered general checker."""
    names: tuple[str, ...] | None = getattr(workload, "checkers", None)
    return names


def has_unique_records(workload: Workload) -> bool:
    """Return whether no two records of a run of the workload are equal, fences and trims excepted."""
    unique: bool = getattr(workload, "unique_records", True)
    return unique
