"""The seam between a run and a workload: what a workload is, seen from the harness.

A generator is an immutable value, after Jepsen's pure generators. The scheduler of a run asks it for the next
invocation whenever a thread can take one, and tells it of every invocation and completion; each time the generator
answers with its successor. It does no I/O, reads no clock and draws no randomness but from the context it is handed.
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
"""The thread that strikes. The threads of clients are numbered from 0."""

NO_SESSIONS: Final[Mapping[int, int]] = MappingProxyType({})


class Context(Struct, frozen=True, gc=False):
    """What a generator may look at when it is asked.

    ``time`` is nanoseconds since the clients started. ``threads`` are the threads that the generator may use, ``free``
    those of them that have nothing in flight (both ascending). ``process[thread]`` is the process identity that acts
    on a thread now: a thread whose operation ended indefinitely gets a new one.

    ``sessions`` has the threads that are not free but could take one more batch of the append session that they have
    open, each with the session's number: see :attr:`Invocation.session`.

    ``random`` belongs to this one question. In a context of one thread it is that thread's own stream of random
    numbers: what is drawn for the thread's *n*-th operation depends on the run's seed, the thread and *n* alone. In a
    context of several threads it is a stream that they share. ``own`` gives the streams of single threads.
    """

    time: int
    threads: tuple[int, ...]
    free: tuple[int, ...]
    process: tuple[int, ...]
    random: Random
    sessions: Mapping[int, int] = NO_SESSIONS
    own: Callable[[int], Random] | None = None

    def only(self, threads: tuple[int, ...]) -> Context:
        """Return the same moment for some of this context's threads, in ascending order."""
        if threads == self.threads:
            return self
        if len(threads) == 1:
            return self.alone(threads[0])
        free = tuple([thread for thread in self.free if thread in threads])
        sessions = self.sessions and {thread: self.sessions[thread] for thread in threads if thread in self.sessions}
        return Context(self.time, threads, free, self.process, self.random, sessions, self.own)

    def alone(self, thread: int) -> Context:
        """Return the same moment for one of this context's threads."""
        threads = (thread,)
        if threads == self.threads:
            return self
        free = threads if thread in self.free else ()
        sessions = {thread: self.sessions[thread]} if thread in self.sessions else NO_SESSIONS
        random = self.own(thread) if self.own else self.random
        return Context(self.time, threads, free, self.process, random, sessions, self.own)

    def without_nemesis(self) -> Context:
        """The same moment, for the threads of clients alone."""
        if self.threads[:1] != (NEMESIS,):
            return self
        threads = self.threads[1:]
        free = self.free[1:] if self.free[:1] == (NEMESIS,) else self.free
        random = self.own(threads[0]) if len(threads) == 1 and self.own else self.random
        return Context(self.time, threads, free, self.process, random, self.sessions, self.own)

    def only_nemesis(self) -> Context:
        """The same moment, for the nemesis alone; without threads where the run has none."""
        return self.only((NEMESIS,) if self.threads[:1] == (NEMESIS,) else ())

    @property
    def ready(self) -> tuple[int, ...]:
        """The threads that could take some invocation now: the free ones, and those with an open session."""
        return (*self.free, *self.sessions) if self.sessions else self.free

    def taker(self, invocation: Invocation) -> int | None:
        """Return the thread that would take this invocation now; None if it has to wait.

        An invocation that names no thread goes to the first that is free: to the nemesis if it is a strike, else to
        a client.
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
    """A fault as an operation: it starts or heals the fault of that name. The nemesis performs it."""

    fault: str
    phase: Literal["start", "heal"]


class Invocation(Struct, frozen=True, gc=False):
    """One operation to perform.

    ``thread`` None lets the scheduler take any free thread. ``purpose`` labels the operation for statistics
    and pictures (such as ``take-over``, ``zombie``, ``strong-read``); it never changes how it is judged.
    ``time`` is the intended start (ns since the clients started) in an open-loop run, from which latency is
    then counted; None means as soon as possible. ``stream`` is empty for a strike.

    ``session`` makes a read a *read session*, whatever the number. An append becomes a batch of the thread's append
    session of that number: of the one that is open if it has the number, else of a new one, for which the old one is
    closed. A thread may have several batches of one session in flight; ``Context.sessions`` says when it can take
    another. After the first failure the session is over: what is in flight ends, and then the thread is free.
    """

    stream: str
    call: Call | Strike
    thread: int | None = None
    purpose: str = ""
    time: int | None = None
    session: int | None = None

    def on(self, thread: int) -> Invocation:
        """The same, on this thread."""
        if self.thread == thread:
            return self
        return Invocation(self.stream, self.call, thread, self.purpose, self.time, self.session)

    @property
    def batches(self) -> bool:
        """Whether it is a batch of an append session."""
        return self.session is not None and isinstance(self.call, Append)


class Completion(Struct, frozen=True, gc=False):
    """The end of an operation, as a generator is told of it. ``time`` is ns since the clients started.

    The value of an Ok is what the call answers: an Ack, a Batch or a Tail; of a read session it is the last part of its
    answer, and ``reached`` is the seq_num after the last record that it returned, however it ended (None: none).
    The value is None for a strike.
    """

    time: int
    thread: int
    process: int
    invocation: Invocation
    outcome: Outcome[Answer | None]
    reached: int | None = None


class Pending:
    """What a generator answers that has nothing for now. It is asked again after the next event, or a moment later."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "PENDING"


PENDING: Final = Pending()
"""What a generator answers when it has nothing for now."""

Step: TypeAlias = "tuple[Invocation | Pending, Generator] | None"


class Generator(Protocol):
    """A pure source of invocations."""

    def next(self, context: Context) -> Step:
        """Return the next invocation (or PENDING) and the successor; None when exhausted.

        A thread that the invocation names can take it: see :meth:`Context.taker`. An invocation whose ``time`` lies
        ahead waits until then; if something else happens first, it is dropped and this generator is asked anew.
        """
        ...

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        """Return the successor after an operation was invoked (its ``thread`` is then set) or has completed."""
        ...


@dataclass(frozen=True, slots=True)
class Exercise:
    """Something that a run must have done often enough for its verdict to mean anything.

    ``counter`` names one of the counters of the statistics checker (its documentation lists them), for
    instance ``seq-num-mismatches``. A run that counted fewer than ``at_least`` gets a warning beside its verdict.
    """

    counter: str
    at_least: int


@dataclass(frozen=True, slots=True)
class WorkloadOptions:
    """What a workload knows about the run that it drives.

    ``threads`` is the number of clients. ``rate`` is operations per second over all threads; None is as fast as
    possible. ``time_limit`` (seconds) and ``operations`` end the run; None is no limit.
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
        """Return what the clients do, within the limits of ``options``."""
        ...


def checkers_of(workload: Workload) -> tuple[str, ...] | None:
    """Return the names of the checkers that a workload asks for; None means every general one that is registered."""
    names: tuple[str, ...] | None = getattr(workload, "checkers", None)
    return names
