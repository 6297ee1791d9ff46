"""Append sessions and read sessions without a transport: batches in, acks out; a query in, frames out.

The transport (HTTP, or a client in the same process) passes an iterator of batches, or takes frames one by one. A
session holds no resource of the service between two steps, so an abandoned session blocks nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

import msgspec

from ..s2 import Ack, Append, Batch, Read
from .durable import DurableStream, Promise
from .errors import ServiceError, StateMismatch
from .gate import Gate
from .storage import StorageError

PIPELINED: Final = 4096
"""The most batches of one append session whose acks have not been taken. Then it takes no further batch."""

PIPELINED_BYTES: Final = 4 << 20
"""The most bytes of journal entries that these batches may have, unless it is one batch alone."""

TURN: Final = 128
"""The records that one session sequences, or more in one batch, before it lets others have their turn."""

HEARTBEAT: Final = (5.0, 15.0)
"""The shortest and the longest time (seconds) without records after which a following session sends its tail."""


class AppendSession:
    """One append session on one incarnation of a stream. Its first failure poisons it: no later batch is applied.

    ``prepared`` returns what is appended for a batch.
    """

    def __init__(self, gate: Gate, stream: DurableStream, prepared: Callable[[Append], Append] | None = None) -> None:
        self._gate = gate
        self._stream = stream
        self._prepared = prepared
        self._pending: deque[Promise] = deque()
        self._untaken = 0  # batches whose acks have not been taken, and their bytes
        self._untaken_bytes = 0
        self._failure: Exception | None = None
        self._ended = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    async def acks(self, batches: AsyncGenerator[Append, None]) -> AsyncGenerator[list[Ack], None]:
        """Yield acks, in order, as soon as their batches are durable: those that are at the same time, together.

        Later batches are sequenced while earlier ones are still becoming durable. The first failure is raised after the
        acks of the batches before it: what an append raises, what ``batches`` raises, or ``server_draining``.
        """
        sequencing = asyncio.create_task(self._sequence(batches))
        try:
            with self._gate.session(self.stop):
                while await self._is_pending():
                    acks, size = await self._durable()
                    if acks:
                        yield self._stream.rules.session_acks(acks)
                        self._untaken -= len(acks)
                        self._untaken_bytes -= size
                        self._room.set()
                if self._failure is not None:
                    raise self._failure
        finally:
            sequencing.cancel()
            await asyncio.gather(sequencing, return_exceptions=True)

    def stop(self, failure: Exception) -> None:
        """Take no further batch. Unless the batches have ended, ``failure`` is raised after the acks that are due."""
        if self._failure is None and not self._ended:
            self._failure = failure
        self._end()

    def _end(self) -> None:
        self._ended = True
        self._news.set()

    async def _sequence(self, batches: AsyncGenerator[Append, None]) -> None:
        turn = 0
        async with aclosing(batches):
            try:
                async for batch in batches:
                    turn += len(batch.records)
                    if turn > TURN:
                        turn = 0
                        await asyncio.sleep(0)
                    while self._untaken >= PIPELINED or self._untaken_bytes >= PIPELINED_BYTES:
                        self._room.clear()
                        await self._room.wait()
                    if self._prepared is not None:
                        batch = self._prepared(batch)
                    with self._gate:
                        promise = await self._stream.sequence(batch, self._admit)
                    self._pending.append(promise)
                    self._untaken += 1
                    self._untaken_bytes += len(promise.ticket.payload)
                    self._news.set()
            except Exception as error:
                self.stop(error)
                await self._stream.rules.after_failure(self._stream, batches)
        self._end()

    def _admit(self) -> None:
        """Raise the failure that keeps the next batch from being applied, if there is one already."""
        if self._failure is not None:
            raise self._failure
        # The journal undoes batches together with all later ones. The task that takes the acks may not know it yet.
        if self._pending and (error := self._pending[-1].ticket.error) is not None:
            raise error

    async def _is_pending(self) -> bool:
        """Return True once a batch waits for its ack, or False at the end of the session."""
        while not self._pending and not self._ended:
            self._news.clear()
            await self._news.wait()
        return bool(self._pending)

    async def _durable(self) -> tuple[list[Ack], int]:
        """Wait until the oldest batch is durable. Return the acks of all that are then, and the size of the batches.

        If one fails, it is the last of the session, and the failure is raised once the acks before it are taken.
        """
        stream, pending = self._stream, self._pending
        acks: list[Ack] = []
        size = 0
        try:
            while pending and not (acks and (stream.failpoints.armed or not pending[0].ticket.durable)):
                ack = await stream.kept(pending[0])
                if stream.failpoints.armed:
                    await stream.failpoints.hit("session.before-ack")
                acks.append(ack)
                size += len(pending.popleft().ticket.payload)
        except Exception as error:
            self._failure = ServiceError("storage", str(error)) if isinstance(error, StorageError) else error
            pending.clear()
            self._end()
        return acks, size


class ReadSession:
    """The progress of one read session: the next seq_num to return, and the rest of its bounds.

    ``gap`` returns the seconds until the next heartbeat. A session has no implicit bounds. It follows the tail if it
    has ``wait`` or no bound at all.
    """

    def __init__(self, gate: Gate, stream: DurableStream, query: Read, gap: Callable[[], float]) -> None:
        self._gate = gate
        self._stream = stream
        self._left = query
        self._gap = gap
        unbounded = query.count is None and query.bytes is None and query.until is None
        self._may_follow = bool(query.wait) or (unbounded and query.wait is None)
        self._following = False
        self._next = 0
        self._deadline: float | None = None

    async def start(self) -> None:
        """Find the start. Raise StateMismatch if nothing can be read and the session may not follow.

        A session that is to read nothing, such as one that resumes after its last record, has no start.
        """
        try:
            self._next = await self._stream.start(self._left, may_follow=self._may_follow)
        except StateMismatch:
            if 0 not in (self._left.count, self._left.bytes):
                raise

    async def frames(self) -> AsyncGenerator[Batch, None]:
        """Yield the frames of the session until its bounds are reached.

        While it follows, a frame without records is a heartbeat. It ends once ``wait`` seconds have passed without a
        record. If the service stops while the session follows, a last heartbeat comes and then ``server_draining``.
        Raise ServiceError too if the stream is deleted.
        """
        while True:
            with self._gate:
                frame = await self._frame()
            if frame is None:
                return
            if self._stream.failpoints.armed:
                await self._stream.failpoints.hit("session.before-frame")
            yield frame

    async def _frame(self) -> Batch | None:
        """Return the next frame, or None at the end of the session."""
        while True:
            page = self._stream.look(self._next, self._left)
            if page.records:
                following = self._stream.session_continues(page.records[-1].seq_num)
                self._advance(following, len(page.records), page.size)
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
        pause = asyncio.get_running_loop().time() + self._gap()
        try:
            async with asyncio.timeout_at(pause if self._deadline is None else min(pause, self._deadline)):
                return await self._stream.growth()
        except TimeoutError:
            return False
