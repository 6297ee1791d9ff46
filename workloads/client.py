"""Makes generators of clients from their behaviour: what a client does next, given its *view* of a stream.

A workload says how a client acts on a view, and how an answer changes that view. The rest is the same for all workloads
and is done here: threads are spread over the streams, and operations are numbered and labelled.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from msgspec import Struct

from fencepost.harness.generators import bounded, each_thread
from fencepost.harness.s2 import Call
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
    """What a client does next, and its view after that decision.

    ``stay`` means that the client is in the middle of something: its next operation is on the same stream.
    """

    call: Call
    view: V
    purpose: str = ""
    stay: bool = False


class Behaviour(Protocol[V]):
    """What clients do to a stream: pure functions on views, which are immutable values of bounded size."""

    def act(self, view: V, name: str, random: Random) -> Act[V]:
        """Return the next operation. ``name`` is unique in the run and names its records: see ``records.identity``."""
        ...

    def learn(self, view: V, completion: Completion) -> V:
        """Return the view after an operation of this client on this stream has ended, however it ended."""
        ...


def clients(behaviour: Behaviour[V], fresh: Callable[[int, int], V], options: WorkloadOptions) -> Generator:
    """Return a generator of one client per thread, all of one behaviour, within the limits of the run.

    ``fresh(thread, stream)`` gives the view that a client begins with, of the stream with that index.

    Thread ``t`` is at home on stream ``t mod streams``, and sometimes acts on another one. A thread that gets a new
    process keeps its views and goes on counting its operations: the new process has its predecessor's notes.
    """

    def make(thread: int) -> Generator:
        views = tuple(fresh(thread, stream) for stream in range(len(options.streams)))
        home = thread % len(options.streams)
        return _Client(thread, options.streams, behaviour.act, behaviour.learn, views, home, home, False, 0)

    return bounded(each_thread(make), options)


class _Client(Struct, Generic[V], frozen=True):
    """``views`` holds one view per stream; ``here`` is the index of the stream of the latest operation."""

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
        return Invocation(self.streams[here], act.call, self.thread, act.purpose), successor

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
        """The index of the stream of an operation that another generator made; None if it is none of this client's."""
        stream = event.invocation.stream
        return self.streams.index(stream) if stream in self.streams else None

    def _with(self, index: int, view: V, here: int, staying: bool, operation: int) -> _Client[V]:
        views = (*self.views[:index], view, *self.views[index + 1 :])
        return _Client(self.thread, self.streams, self.act, self.learn, views, self.home, here, staying, operation)
