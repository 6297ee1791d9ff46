"""One stream together with the journal: batches are sequenced at once, and answered when they are durable.

The critical section of an append is :meth:`DurableStream.append`: conditions, state and journal in one step without
an await. What comes after only waits. A refusal reveals the state that it was tested against, so it waits for
that state to be durable (a 422 too: it may tell that the conditions held). Reads and tails see the durable state and
nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import Final, NamedTuple, TypeAlias

from ..s2 import Ack, Append, Batch, Position, Read, SequencedRecord
from ..s2.limits import MAX_UNARY_WAIT
from .entries import Appended, StreamSet, encode
from .errors import ConditionFailed, ServiceError
from .journal import Journal
from .rules import Rules, ServiceRules
from .stream import Page, Sequenced, Stream

# Entries that wait for the disk are in memory: beyond this many bytes, appends are shed.
MAX_BACKLOG: Final = 256 << 20


Waiting: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]


class Promise(NamedTuple):
    """A batch that has its place, and the ticket of the journal that makes it durable."""

    ack: Ack
    ticket: int


class DurableStream:
    """One incarnation of a stream, live."""

    def __init__(
        self, row: StreamSet, journal: Journal, rules: Rules, around: ServiceRules, clock: Callable[[], int]
    ) -> None:
        self.id = row.id
        self._stream = Stream(row.config, rules.stream())
        self._journal = journal
        self._rules = around
        self._clock = clock
        self._created = 0
        self._last = 0
        self._readers: dict[asyncio.Future[None], None] = {}  # in the order in which they came
        self._ended = False
        self._end_error: Exception | None = None

    def created(self, ticket: int) -> None:
        """The stream was made by this entry of the journal: before it is durable, nothing is to be seen."""
        self._created = self._last = ticket

    def configure(self, row: StreamSet) -> None:
        """Take another configuration."""
        self._stream.config = row.config

    def recover(self, records: tuple[SequencedRecord, ...]) -> None:
        """Take a batch of the journal. Raises ValueError where it does not follow."""
        self._stream.recover(records)

    # -- the critical section

    def test(self, batch: Append) -> None:
        """Test the conditions alone. Raises ConditionFailed."""
        self._stream.test(batch, self._clock())

    def take(self, batch: Append) -> Ack:
        """Apply without testing the conditions, and hand over to the journal."""
        return self._hand_over(self._stream.take(batch, self._clock()))

    def append(self, batch: Append) -> Ack:
        """Test, apply and hand over. Raises ServiceError, ConditionFailed."""
        return self._hand_over(self._stream.append(batch, self._clock()))

    def _hand_over(self, sequenced: Sequenced) -> Ack:
        entry = encode(Appended(self.id, sequenced.records))
        self._last = self._journal.submit(entry, partial(self._settle, sequenced.ack.end))
        return sequenced.ack

    def _settle(self, end: Position) -> None:
        self._stream.settle(end)
        self._wake()

    # -- what clients ask

    async def append_durably(self, batch: Append) -> Ack:
        """Append; returns when durable. Raises ServiceError, ConditionFailed, StorageError."""
        return await self.kept(await self.sequence(batch))

    async def sequence(self, batch: Append) -> Promise:
        """Give a batch its place, without waiting for the disk: :meth:`kept` does that.

        Raises ServiceError and ConditionFailed, once what the refusal reveals is durable.
        """
        if self._journal.backlog > MAX_BACKLOG:
            raise ServiceError("hot_server", f"{MAX_BACKLOG} bytes wait for the disk; try again later")
        try:
            ack = await self._rules.append(self, batch)
        except (ConditionFailed, ServiceError):
            await self._journal.wait(self._last)
            raise
        return Promise(ack, self._last)

    async def kept(self, promise: Promise) -> Ack:
        """Wait until a sequenced batch is durable, and give the ack to answer. Raises StorageError."""
        await self._journal.wait(promise.ticket)
        return self._rules.answer(self._stream.rules.acknowledged(promise.ack))

    async def check_tail(self) -> Position:
        """The durable tail."""
        await self._journal.wait(self._created)
        return self._stream.tail(self._clock())

    async def read(self, query: Read, waiting: Waiting = nullcontext) -> Batch:
        """A unary read. Raises RangeNotSatisfiable, and ServiceError where the stream goes while it waits.

        Where it has to wait for records, it does so within the context that ``waiting`` makes.
        """
        await self._journal.wait(self._created)
        now = self._clock()
        start = self._stream.locate(query, now)
        page = self._stream.page(start, query, now)
        if page.records or page.bounded or not query.wait:
            return Batch(page.records)
        try:
            async with waiting(), asyncio.timeout(min(query.wait, MAX_UNARY_WAIT)):
                while await self.growth():
                    page = self._stream.page(start, query, self._clock())
                    if page.records or page.bounded:
                        return Batch(page.records, self._stream.durable)
        except TimeoutError:
            pass
        return Batch(())

    # -- what read sessions ask

    async def start(self, query: Read, *, may_follow: bool) -> int:
        """The seq_num at which a read session starts. Raises RangeNotSatisfiable, ServiceError."""
        await self._journal.wait(self._created)
        return self._stream.locate(query, self._clock(), may_follow=may_follow)

    def look(self, start: int, query: Read) -> Page:
        """What there is to return from ``start`` on, now."""
        return self._stream.page(start, query, self._clock())

    @property
    def tail(self) -> Position:
        """The tail of durable records, as a session that follows tells it."""
        return self._stream.durable

    async def growth(self) -> bool:
        """Wait for more to be durable; False where waiting has been ended. Raises the error that ended it."""
        if not self._ended:
            reader: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._readers[reader] = None
            try:
                await reader
            finally:
                del self._readers[reader]
        if self._end_error is not None:
            raise self._end_error
        return not self._ended

    def end_waits(self, error: Exception | None = None) -> None:
        """Let every read that waits return with nothing, or with ``error``; from now on none waits."""
        self._ended = True
        self._end_error = error
        self._wake()

    def _wake(self) -> None:
        for reader in self._readers:
            if not reader.done():
                reader.set_result(None)
