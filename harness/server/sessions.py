"""Append sessions and read sessions without a transport: batches in, acks out; a query in, frames out.

The transport (HTTP/2, or a client in the same process) passes an iterator of batches, or takes frames one by one. A
session holds no resource of the service between two steps, so an abandoned session blocks nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Final, TypeAlias

import msgspec

from ..s2 import Ack, Append, Batch, Read, metered_size
from .durable import DurableStream, Promise
from .errors import ServiceError
from .storage import StorageError

PIPELINED: Final = 256
"""The most batches of one append session that may wait to become durable. Then it takes no further batch."""

HEARTBEAT: Final = 10.0
"""Seconds without records after which a following session sends its tail. S2 sends it every 5 to 15 seconds."""

Open: TypeAlias = Callable[[], Awaitable[DurableStream]]
Gate: TypeAlias = AbstractContextManager[None]


async def append_session(gate: Gate, open_stream: Open, batches: AsyncIterator[Append]) -> AsyncGenerator[Ack, None]:
    """Yield an ack for each batch, in order, once it is durable.

    The next batch is sequenced while earlier ones are still becoming durable. The first refusal is raised after the
    acks of the batches before it, and no later batch is applied. Raise what an append raises.
    """
    answers: asyncio.Queue[tuple[DurableStream, Promise] | Exception | None] = asyncio.Queue(PIPELINED)
    sequencing = asyncio.create_task(_sequence(gate, open_stream, batches, answers))
    try:
        while (answer := await answers.get()) is not None:
            if isinstance(answer, Exception):
                raise answer
            stream, promise = answer
            try:
                ack = await stream.kept(promise)
            except StorageError as error:
                raise ServiceError("storage", str(error)) from error
            if stream.failpoints.armed:
                await stream.failpoints.hit("session.before-ack")
            yield ack
    finally:
        sequencing.cancel()
        await asyncio.gather(sequencing, return_exceptions=True)


async def _sequence(
    gate: Gate,
    open_stream: Open,
    batches: AsyncIterator[Append],
    answers: asyncio.Queue[tuple[DurableStream, Promise] | Exception | None],
) -> None:
    try:
        async for batch in batches:
            with gate:
                stream = await open_stream()
                promise = await stream.sequence(batch)
            await answers.put((stream, promise))
        await answers.put(None)
    except Exception as error:
        await answers.put(error)


async def read_session(gate: Gate, open_stream: Open, query: Read) -> AsyncGenerator[Batch, None]:
    """Yield the frames of a read session until its bounds are reached.

    A session has no implicit bounds. It follows the tail if it has ``wait`` or no bound at all. While it follows, a
    frame without records is a heartbeat. It ends once ``wait`` seconds have passed without a record. Raise what a read
    raises, or ServiceError ``server_draining`` if the service stops while the session follows.
    """
    with gate:
        stream = await open_stream()
        follower = Follower(stream, query)
        frame = await follower.start()
    while frame is not None:
        if stream.failpoints.armed:
            await stream.failpoints.hit("session.before-frame")
        yield frame
        with gate:
            frame = await follower.next()


class Follower:
    """The progress of one read session: the next seq_num to return, and the rest of its bounds."""

    def __init__(self, stream: DurableStream, query: Read) -> None:
        self._stream = stream
        self._left = query
        unbounded = query.count is None and query.bytes is None and query.until is None
        self._may_follow = bool(query.wait) or (unbounded and query.wait is None)
        self._following = False
        self._next = 0
        self._deadline: float | None = None

    async def start(self) -> Batch | None:
        """Return the first frame. Raise StateMismatch if nothing can be read and the session may not follow."""
        self._next = await self._stream.start(self._left, may_follow=self._may_follow)
        return await self.next()

    async def next(self) -> Batch | None:
        """Return the next frame, or None at the end of the session."""
        while True:
            page = self._stream.look(self._next, self._left)
            if page.records:
                self._advance(page.records[-1].seq_num + 1, len(page.records), sum(map(metered_size, page.records)))
                return Batch(page.records, self._stream.tail if self._following else None)
            if page.bounded or not self._may_follow:
                return None
            if not self._following:
                self._following = True
                self._wait_anew()
                return Batch((), self._stream.tail)
            if not await self._growth():
                return None if self._expired() else Batch((), self._stream.tail)

    def _advance(self, seq_num: int, count: int, size: int) -> None:
        self._next = seq_num
        left = self._left
        self._left = msgspec.structs.replace(
            left,
            count=None if left.count is None else left.count - count,
            bytes=None if left.bytes is None else left.bytes - size,
        )
        if self._following:
            self._wait_anew()

    def _wait_anew(self) -> None:
        if self._left.wait:
            self._deadline = asyncio.get_running_loop().time() + self._left.wait

    def _expired(self) -> bool:
        return self._deadline is not None and asyncio.get_running_loop().time() >= self._deadline

    async def _growth(self) -> bool:
        """Wait for records and return True. Return False when it is time for a heartbeat, or for the end."""
        pause = asyncio.get_running_loop().time() + HEARTBEAT
        try:
            async with asyncio.timeout_at(pause if self._deadline is None else min(pause, self._deadline)):
                if not await self._stream.growth():
                    raise ServiceError("server_draining", "the server is stopping")
        except TimeoutError:
            return False
        return True
