"""Combinators for sessions: pipelined appends on one thread, and a reader that follows a stream."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from ..s2 import Append, Read
from ..workload import PENDING, Completion, Context, Generator, Invocation, Pending, Step


def pipeline(depth: int, generator: Generator) -> Generator:
    """Return a generator that sends the appends of ``generator`` through an append session, ``depth`` in flight.

    It serves one thread: ``each_thread(lambda thread: pipeline(8, appends_of(thread)))``. It asks ``generator`` for
    more while batches are in flight. A session belongs to one stream. An append to another stream, or any other kind
    of operation, waits until nothing is in flight. A failure ends the session, and the next append opens a new one.
    """
    if depth < 1:
        raise ValueError(f"a pipeline of depth {depth}: it must be at least 1")
    return _Pipeline(generator, depth, 0, 0, "")


def follower(stream: str, read: Read) -> Generator:
    """Return a generator of read sessions on one thread, each of which begins where the previous one ended.

    ``read.seq_num`` (default 0) is the start of the first session. ``count``, ``bytes``, ``until`` or ``wait`` end each
    session. Set ``wait``: the service refuses every session that starts at the tail and does not wait.
    """
    if read.timestamp is not None or read.tail_offset is not None:
        raise ValueError(f"a follower begins at a seq_num: {read}")
    return _Follower(stream, read if read.seq_num is not None else replace(read, seq_num=0))


class _Pipeline(Struct, frozen=True):
    """A pipeline with ``flying`` batches in flight to ``stream``, in the session ``number``."""

    generator: Generator
    depth: int
    flying: int
    number: int
    stream: str

    def next(self, context: Context) -> Step:
        (thread,) = context.threads
        has_room = context.sessions.get(thread) == self.number and self.flying < self.depth
        if not has_room and thread not in context.free:
            return PENDING, self
        step = self.generator.next(self._able(context))
        if step is None:
            return None
        answer, successor = step
        if isinstance(answer, Pending):
            return PENDING, replace(self, generator=successor)
        if isinstance(answer.call, Append):
            # Another stream needs another session, and opening that one closes this one.
            number = self.number if answer.stream == self.stream else self.number + 1
            answer = _of_session(answer, thread, number)
        return (PENDING, self) if context.taker(answer) is None else (answer, replace(self, generator=successor))

    def _able(self, context: Context) -> Context:
        """Return the context that the inner generator sees, in which the thread is free."""
        return context if context.free else replace(context, free=context.threads)

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        generator = self.generator.update(self._able(context), event)
        invocation = event.invocation if isinstance(event, Completion) else event
        if not invocation.batches:
            return replace(self, generator=generator)
        if isinstance(event, Completion):
            return replace(self, generator=generator, flying=self.flying - 1)
        assert event.session is not None
        return _Pipeline(generator, self.depth, self.flying + 1, event.session, event.stream)


def _of_session(invocation: Invocation, thread: int, session: int) -> Invocation:
    given = invocation
    return Invocation(given.stream, given.call, thread, given.purpose, given.time, session)


class _Follower(Struct, frozen=True):
    stream: str
    read: Read

    def next(self, context: Context) -> Step:
        if not context.free:
            return PENDING, self
        return Invocation(self.stream, self.read, context.free[0], "follow", session=0), self

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        if not isinstance(event, Completion) or event.reached is None:
            return self
        return _Follower(self.stream, replace(self.read, seq_num=event.reached))
