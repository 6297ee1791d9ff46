"""Generators of sessions: batches that overlap on one thread, and a reader that follows a stream."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from ..s2 import Append, Read
from ..workload import PENDING, Completion, Context, Generator, Invocation, Pending, Step


def pipeline(depth: int, generator: Generator) -> Generator:
    """The operations of ``generator``, whose appends go through the thread's append session, ``depth`` at a time.

    For one thread: ``each_thread(lambda thread: pipeline(8, appends_of(thread)))``. The generator is asked again while
    its batches are in flight. A session is of one stream: an append to another stream, and whatever is no append, waits
    until nothing is in flight. After a failure the session ends, and the next append opens a new one.
    """
    if depth < 1:
        raise ValueError(f"a pipeline of depth {depth}: it must be at least 1")
    return _Pipeline(generator, depth, 0, 0, "")


def follower(stream: str, read: Read) -> Generator:
    """Read sessions on one thread, each of which begins where the one before ended.

    ``read`` says where the first begins, by ``seq_num`` (from 0 by default), and what ends each: ``count``, ``bytes``,
    ``until`` or ``wait``. Give it a ``wait``: a session that does not wait is refused at the tail, again and again.
    """
    if read.timestamp is not None or read.tail_offset is not None:
        raise ValueError(f"a follower begins at a seq_num: {read}")
    return _Follower(stream, read if read.seq_num is not None else replace(read, seq_num=0))


class _Pipeline(Struct, frozen=True):
    """``flying`` batches of the session ``number`` are in flight, to ``stream``."""

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
            # Another stream is another session, which closes this one.
            number = self.number if answer.stream == self.stream else self.number + 1
            answer = _of_session(answer, thread, number)
        return (PENDING, self) if context.taker(answer) is None else (answer, replace(self, generator=successor))

    def _able(self, context: Context) -> Context:
        """What the generator sees: to it the thread is free."""
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
