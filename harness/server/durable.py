"""One stream with its journal: batches are sequenced at once, and answered once they are durable.

The critical section of an append is :meth:`DurableStream.append`: conditions, state and journal in one step without
an await. The rest of an append only waits. A refusal reveals the state that it was tested against, so it waits until
that state is durable (a 422 too, because it may reveal that the conditions held). Reads and tails see the durable state
only.

The critical section begins by checking that the stream still exists and that the journal still takes entries, however
long ago the request arrived. An entry names the incarnation of the stream, and its records have the next seq_nums. A
journal with an entry that does not fit could never be opened again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar, cast

from ..s2 import FENCE, Ack, Answer, Append, Batch, Call, CheckTail, Position, Read, SequencedRecord, Tail, metered_size
from ..s2.limits import MAX_UNARY_WAIT
from .encryption import sealed_metered_size
from .entries import Appended, Expired, StreamSet, StreamState, encode
from .errors import ServiceError, StateMismatch, stream_deletion_pending
from .failpoints import Failpoints
from .journal import DURABLE, Journal, Ticket
from .rules import Rules, ServiceRules
from .storage import StorageError
from .stream import Page, Sequenced, Stream
from .values import StreamConfig

# Entries that wait for the disk take memory. Beyond this many bytes, appends are refused.
MAX_BACKLOG: Final = 256 << 20


_FENCE: Final = ((b"", FENCE),)

A = TypeVar("A", bound=Answer)
Waiting: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]


class Promise(NamedTuple):
    """A sequenced batch, with the ticket of the entry that makes it durable."""

    ack: Ack
    ticket: Ticket


class DurableStream:
    """One incarnation of a stream.

    ``deleted`` says that it takes no more appends, whether or not the deletion is durable yet. From the moment when it
    is, no request finds the stream any more, and the journal gives its space back. Reads that follow it still get to
    its terminal trim record. ``rules`` and ``failpoints`` are the server's.
    """

    def __init__(
        self,
        row: StreamSet,
        journal: Journal,
        rules: Rules,
        service_rules: ServiceRules,
        clock: Callable[[], int],
        failpoints: Failpoints,
    ) -> None:
        self.id = row.id
        self.name = row.name
        self.deleted = row.deleted_at is not None
        self._created_at = row.created_at
        self._stream = Stream(row.config, rules.stream(), sealed_metered_size if row.cipher else metered_size)
        self._journal = journal
        self.rules = service_rules
        self._clock = clock
        self.failpoints = failpoints
        self._created = DURABLE
        self._last = DURABLE
        self._expiry = DURABLE
        self._gone: ServiceError | None = None
        self._held: deque[tuple[int, int]] = (
            deque()
        )  # (segment of the journal, end of the stream's records in it), in order
        self._readers: dict[asyncio.Future[None], None] = {}  # in order of arrival
        self._ended = False
        self._end_error: Exception | None = None

    def created(self, ticket: Ticket) -> None:
        """Show nothing until the ticket's entry, which created the stream, is durable."""
        self._created = self._last = ticket

    def delete(self) -> Position:
        """Take no more appends, because a deletion is about to be submitted. Return the end of the terminal record."""
        self.deleted = True
        return self._stream.terminate(self._clock())

    def deletion_submitted(self, ticket: Ticket) -> None:
        """Refuse appends only once the ticket's entry, which deletes the stream, is durable."""
        self._last = ticket

    def undelete(self) -> None:
        """Take appends again, because the deletion was undone."""
        self.deleted = False
        self._stream.roll_back()
        self._last = DURABLE

    def deletion_durable(self, end: Position) -> None:
        """Show the terminal record, which ends at ``end``, to reads that follow, and end them after it."""
        self._stream.settle(end)
        self.end_waits(stream_deletion_pending(self.name))
        self.release_segments()

    def vanish(self, error: ServiceError) -> None:
        """Let every read of the stream raise ``error`` from now on, and take no more appends."""
        self.deleted = True
        self._gone = error
        self._last = DURABLE
        self.end_waits(error)
        self.release_segments()

    def configure(self, config: StreamConfig) -> StreamConfig:
        """Replace the configuration, and return the previous one."""
        before, self._stream.config = self._stream.config, config
        return before

    # -- recovery and checkpoints

    def recover(self, records: tuple[SequencedRecord, ...], arrival: int, segment: int) -> None:
        """Append a batch from a segment of the journal, which arrived at ``arrival`` (ms).

        Raise ValueError if it is not the next one.
        """
        if self.deleted:
            raise ValueError(f"a batch for stream {self.id}, which was deleted before")
        self._stream.recover(records, arrival)
        self._hold(segment, self._stream.next_seq_num)
        self._release_trimmed()

    def recover_deletion(self) -> None:
        """Take no more appends, and keep no records."""
        self.deleted = True
        self.release_segments()

    def restore(self, state: StreamState) -> None:
        """Restore the state of a checkpoint. Raise ValueError if it contradicts earlier entries."""
        self._stream.restore(state)
        self._release_trimmed()

    def check_complete(self) -> None:
        """Raise ValueError if recovery has not found all records that can be read."""
        if not self.deleted:
            self._stream.check_complete()

    def state(self) -> StreamState:
        """Return the state for a checkpoint."""
        return self._stream.state()

    def release_segments(self) -> None:
        """Release all segments of the journal."""
        while self._held:
            self._journal.release(self._held.popleft()[0])

    def _hold(self, segment: int, end: int) -> None:
        if self._held and self._held[-1][0] == segment:
            self._held[-1] = (segment, end)
        else:
            self._held.append((segment, end))
            self._journal.hold(segment)

    def _release_trimmed(self) -> None:
        if not self._held or self._held[0][1] > self._stream.trim_point:
            return
        while self._held and self._held[0][1] <= self._stream.trim_point:
            self._journal.release(self._held.popleft()[0])
        self._journal.tidy()

    # -- retention

    def expire(self, now: int) -> None:
        """Submit the expiry of records that are past their retention at ``now`` (ms), if there are any."""
        below = self._stream.expired(now)
        if below is None or self.deleted or self._journal.failure is not None:
            return
        self._stream.expire_later(below)
        entry = encode(Expired(self.id, below))
        self._expiry = self._journal.submit(entry, partial(self.recover_expiry, below), self._unexpire)

    def recover_expiry(self, below: int) -> None:
        """Let the records below a seq_num be gone, because that is durable. Raise ValueError if there are none."""
        self._stream.expire(below)
        self._release_trimmed()

    def _unexpire(self, _: StorageError) -> None:
        self._stream.roll_back()
        self._expiry = DURABLE

    async def _let_expire(self, now: int) -> None:
        """Return once records that are past their retention at ``now`` (ms) are gone, or the disk does not work."""
        self.expire(now)
        with suppress(StorageError):
            await self._journal.wait(self._expiry)

    def is_abandoned(self, now: int) -> bool:
        """Return whether delete-on-empty applies at ``now`` (ms)."""
        return not self.deleted and self._stream.is_abandoned(self._created_at, now)

    # -- the critical section

    def test(self, batch: Append) -> None:
        """Test the conditions and do nothing else. Raise ServiceError, StateMismatch or StorageError."""
        self._admit()
        self._stream.test(batch, self._clock())

    def append_unchecked(self, batch: Append) -> Ack:
        """Apply the batch without testing its conditions, and submit it. Raise ServiceError or StorageError."""
        self._admit()
        return self._hand_over(self._stream.append_unchecked(batch, self._clock()))

    def append(self, batch: Append) -> Ack:
        """Test, apply and submit the batch. Raise ServiceError, StateMismatch or StorageError."""
        self._admit()
        return self._hand_over(self._stream.append(batch, self._clock()))

    def _hand_over(self, sequenced: Sequenced) -> Ack:
        if self.failpoints.armed and any(record.headers == _FENCE for record in sequenced.records):
            self.failpoints.pass_by("service.fence-applied")
        entry = encode(Appended(self.id, sequenced.records, self._stream.newest_arrival))
        end = sequenced.ack.end
        self._hold(self._journal.segment, end.seq_num)
        self._last = self._journal.submit(entry, partial(self._settle, end), self._roll_back)
        return sequenced.ack

    def _admit(self) -> None:
        self._journal.admit()
        if self.deleted:
            raise self._gone or stream_deletion_pending(self.name)

    def _settle(self, end: Position) -> None:
        self._stream.settle(end)
        self._release_trimmed()
        self._wake()

    def _roll_back(self, _: StorageError) -> None:
        self._stream.roll_back()
        self._last = DURABLE
        tail = self._stream.next_seq_num
        self._held = deque((segment, min(end, tail)) for segment, end in self._held)

    # -- calls of clients

    def perform(self, call: Call[A], waiting: Waiting = nullcontext) -> Coroutine[Any, Any, A]:
        """Return the answer to a call. A read waits for records inside the context that ``waiting`` makes."""
        answering: Any
        match call:
            case Append():
                answering = self.append_durably(call)
            case Read():
                answering = self.read(call, waiting)
            case CheckTail():
                answering = self.check_tail()
        return cast("Coroutine[Any, Any, A]", answering)

    async def append_durably(self, batch: Append) -> Ack:
        """Append, and return the ack once the batch is durable. Raise ServiceError, StateMismatch or StorageError."""
        return await self.kept(await self.sequence(batch))

    async def sequence(self, batch: Append, admit: Callable[[], None] | None = None) -> Promise:
        """Sequence a batch without waiting for the disk. :meth:`kept` waits for it.

        ``admit`` is called just before, and may raise instead. Raise ServiceError or StateMismatch, but only once the
        state that the refusal reveals is durable.
        """
        if self._journal.backlog > MAX_BACKLOG:
            raise ServiceError("hot_server", f"more than {MAX_BACKLOG} bytes wait for the disk; try again later")
        if self.failpoints.armed:
            await self.failpoints.hit("service.before-append")
        if admit is not None:
            admit()
        try:
            ack = await self.rules.append(self, batch)
        except (StateMismatch, ServiceError):
            await self._journal.wait(self._last)
            raise
        return Promise(ack, self._last)

    async def kept(self, promise: Promise) -> Ack:
        """Return the ack of a sequenced batch once it is durable. Raise StorageError if it never will be."""
        if self.failpoints.armed:
            await self.failpoints.hit("service.sequenced")
        await self._journal.wait(promise.ticket)
        if self.failpoints.armed:
            await self.failpoints.hit("service.before-answer")
        return self.rules.answer(self._stream.rules.acknowledged(promise.ack))

    async def check_tail(self) -> Tail:
        """Return the tail of the durable records."""
        await self._journal.wait(self._created)
        return Tail(self._stream.tail(self._clock()))

    async def read(self, query: Read, waiting: Waiting) -> Batch:
        """Return the answer to a unary read. It waits for records inside the context that ``waiting`` makes.

        Raise StateMismatch (416), or ServiceError if the stream is deleted meanwhile.
        """
        await self._journal.wait(self._created)
        now = self._clock()
        if self._stream.expired(now) is not None or not self._expiry.durable:
            await self._let_expire(now)
        start = self._stream.locate(query, now)
        page = self._page(start, query, now)
        if page.records or page.bounded or not query.wait:
            return Batch(page.records)
        try:
            async with waiting(), asyncio.timeout(min(query.wait, MAX_UNARY_WAIT)):
                while await self.growth():
                    page = self.look(start, query)
                    if page.records or page.bounded:
                        return Batch(page.records, self._stream.durable)
        except TimeoutError:
            pass
        return Batch(())

    # -- calls of read sessions

    async def start(self, query: Read, *, may_follow: bool) -> int:
        """Return the seq_num at which a read session starts. Raise StateMismatch (416) or ServiceError."""
        await self._journal.wait(self._created)
        now = self._clock()
        await self._let_expire(now)
        start = self._stream.locate(query, now, may_follow=may_follow)
        return start if query.seq_num is None else self._stream.rules.session_start(start)

    def session_continues(self, last: int) -> int:
        """Return where a read session goes on after the record with the seq_num ``last``."""
        return self._stream.rules.session_continues(last)

    def look(self, start: int, query: Read) -> Page:
        """Return the durable records from ``start`` on, without waiting. Raise ServiceError if the stream is gone."""
        return self._page(start, query, self._clock())

    def _page(self, start: int, query: Read, now: int) -> Page:
        if self._gone is not None:
            raise self._gone
        return self._stream.page(start, query, now)

    @property
    def tail(self) -> Position:
        """Return the tail of the durable records, which a following session reports."""
        return self._stream.durable

    async def growth(self) -> bool:
        """Return True once there may be more to see. Return False after :meth:`end_waits`, or raise its error."""
        if self._ended:
            if self._end_error is not None:
                raise self._end_error
            return False
        reader: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._readers[reader] = None
        try:
            await reader
        finally:
            del self._readers[reader]
        return True

    def end_waits(self, error: Exception | None = None) -> None:
        """Make every waiting read return, or raise ``error`` if it finds nothing new. From now on no read waits."""
        self._ended = True
        self._end_error = error
        self._wake()

    def _wake(self) -> None:
        for reader in self._readers:
            if not reader.done():
                reader.set_result(None)
