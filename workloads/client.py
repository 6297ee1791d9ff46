"""Makes generators of clients from a behaviour, which decides what a client does next given its **view** of a stream.

A workload defines how a client acts on a view and how an answer changes the view. This module does the rest, which is
the same for all workloads: it spreads threads over the streams, and numbers and labels operations.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from msgspec import Struct

from fencepost.harness.generators import bounded, each_thread
from fencepost.harness.s2 import Answer, Call
from fencepost.harness.workload import (
    PENDING,
    Completion,
    Context,
    Generator,
    Invocation,
    Step,
    WorkloadOptions,
)

from .records import identity

V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)

_WANDER: Final = 0.1


class Act(NamedTuple, Generic[V]):
    """A client's next operation, and its view after that decision.

    ``stay`` means that the client is in the middle of something, so its next operation is on the same stream.
    ``session`` and ``cut`` are those of an :class:`~fencepost.harness.workload.Invocation`.
    """

    call: Call[Answer]
    view: V
    purpose: str = ""
    stay: bool = False
    session: int | None = None
    cut: int | None = None


class Behaviour(Protocol[V]):
    """The behaviour of clients towards one stream: pure functions on views, immutable values of bounded size."""

    def act(self, view: V, name: str, random: Random) -> Act[V]:
        """Return the next operation. ``name``, unique in the run, identifies its records: see ``records.identity``."""
        ...

    def learn(self, view: V, completion: Completion) -> V:
        """Return the view after an operation of this client on this stream has ended with any outcome."""
        ...


def clients(
    behaviour: Behaviour[V],
    fresh: Callable[[int, int], V],
    options: WorkloadOptions,
    through: Callable[[int, Generator], Generator] = lambda thread, client: client,
) -> Generator:
    """Return a generator of one client per thread, all with one behaviour, within the limits of the run.

    ``fresh(thread, stream)`` returns a client's initial view of the stream with that index. ``through(thread, client)``
    returns the generator of the thread, such as a pipeline of its client's appends.

    The home of thread ``t`` is the stream ``t mod streams``; sometimes it acts on another one. A thread that gets a new
    process keeps its views and continues to number its operations: a new process inherits its predecessor's knowledge.
    """

    def make(thread: int) -> Generator:
        views = tuple(fresh(thread, stream) for stream in range(len(options.streams)))
        home = thread % len(options.streams)
        client = _Client(thread, options.streams, behaviour.act, behaviour.learn, views, home, home, False, 0)
        return through(thread, client)

    return bounded(each_thread(make), options)


class _Client(Struct, Generic[V], frozen=True):
    """One client. ``views`` holds one view per stream; ``here`` is the index of the stream of the latest operation."""

    thread: int
    streams: tuple[str, ...]
    act: Callable[[V, str, Random], Act[V]]
    learn: Callable[[V, Completion], V]
    views: tuple[V, ...]
    home: int
    here: int
    staying: bool
    operation: int

    def next(self, context: Context) -> Step:
        if not context.free:
            return PENDING, self
        here = self.here if self.staying else self._wander(context.random)
        act = self.act(self.views[here], identity(self.thread, self.operation), context.random)
        successor = self._with(here, act.view, here, act.stay, self.operation + 1)
        stream, thread = self.streams[here], self.thread
        return Invocation(stream, act.call, thread, act.purpose, session=act.session, cut=act.cut), successor

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        if isinstance(event, Invocation):
            return self
        index = self.here if self.streams[self.here] == event.invocation.stream else self._index(event)
        if index is None:
            return self
        view = self.learn(self.views[index], event)
        return self._with(index, view, self.here, self.staying, self.operation)

    def _wander(self, random: Random) -> int:
        count = len(self.streams)
        if count == 1 or random.random() >= _WANDER:
            return self.home
        return int(random.random() * count)

    def _index(self, event: Completion) -> int | None:
        """Return the index of the stream of an operation, or None if it is not one of this client's streams."""
        stream = event.invocation.stream
        return self.streams.index(stream) if stream in self.streams else None

    def _with(self, index: int, view: V, here: int, staying: bool, operation: int) -> _Client[V]:
        views = (*self.views[:index], view, *self.views[index + 1 :])
        return _Client(self.thread, self.streams, self.act, self.learn, views, self.home, here, staying, operation)
