"""Group commit: entries submitted while a group is being made durable form the next group and share its sync.

Entries become durable in the order of their submission. An entry that cannot be made durable is undone, together with
all later ones. If the disk is full, entries submitted afterwards may succeed. After any other failure the journal takes
no more entries, because nobody knows what the disk holds.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator
from typing import Final

from .failpoints import Failpoints
from .rules import StorageRules
from .storage import Frame, NoSpaceError, Storage, StorageError

_MAX_GROUP_BYTES: Final = 16 << 20
_OVERHEAD: Final = 8  # approximate bytes of framing per entry


class Ticket:
    """A submitted entry. In the end it is ``durable``, or it is refused with ``error``."""

    __slots__ = ("durable", "error", "payload", "settle", "undo", "unneeded", "waiting")

    def __init__(
        self,
        payload: bytes,
        settle: Callable[[], None] | None = None,
        undo: Callable[[StorageError], None] | None = None,
    ) -> None:
        self.durable = False
        self.error: StorageError | None = None
        self.payload = payload
        self.settle = settle
        self.undo = undo
        self.waiting: list[asyncio.Future[None]] = []
        self.unneeded: Collection[int] | None = None
        """For a checkpoint: the segments that are not needed once it is durable."""


DURABLE: Final = Ticket(b"")
"""A ticket that is durable from the start."""
DURABLE.durable = True


class Journal:
    """The ordered journal of a server over its storage.

    ``backlog`` is the size (bytes) of the entries that are not written yet, ``groups`` the number of groups written.
    ``segment`` is the number of the segment into which the next submitted entry will go.
    ``failure`` is what stopped the journal, or None while it works. ``shortage`` is the reason why the disk was full at
    the last write, or None if it was not.

    ``checkpoint`` returns an entry with the whole state but records, as of all entries submitted so far; each segment
    begins with one. It and the ``undo`` of an entry are called on the event loop, between other work.
    """

    def __init__(
        self,
        storage: Storage,
        rules: StorageRules,
        checkpoint: Callable[[], bytes],
        failpoints: Failpoints | None = None,
    ) -> None:
        self.failure: StorageError | None = None
        self.shortage: NoSpaceError | None = None
        self.groups = 0
        self.backlog = 0
        self.segment = 1
        self._storage = storage
        self._rules = rules
        self._failpoints = failpoints or Failpoints()
        self._checkpoint = checkpoint
        self._queue: deque[Ticket] = deque()
        self._flushing: asyncio.Task[None] | None = None
        self._holders: Counter[int] = Counter()
        self._room: float = float("inf")  # bytes until the segment is full
        self._bound = storage.segment_bytes
        self._open = False

    def recover(self) -> Iterator[Frame]:
        """See :meth:`Storage.recover`. Call :meth:`open` once all entries have been replayed."""
        return self._storage.recover(self._rules.survivors)

    def open(self) -> None:
        """Accept entries from now on."""
        self._open = True
        self._count_room()
        self.tidy()

    def admit(self) -> None:
        """Raise the StorageError that stopped the journal, if any: it would not take an entry."""
        if self.failure is not None:
            raise self.failure

    def submit(
        self,
        payload: bytes,
        settle: Callable[[], None] | None = None,
        undo: Callable[[StorageError], None] | None = None,
    ) -> Ticket:
        """Submit an entry whose effect is applied already, and return its ticket.

        ``settle`` is called once the entry is durable, in the order of submission. ``undo`` is called with the reason
        if it never will be, in the reverse order. Raise StorageError, without taking the entry, if the journal has
        stopped.
        """
        self.admit()
        ticket = Ticket(payload, settle, undo)
        self._enqueue(ticket)
        if self._rules.acknowledge_when_submitted:
            _settle(ticket)
        self._room -= len(payload) + _OVERHEAD
        if self._room < 0:
            self._begin_segment()
        return ticket

    async def wait(self, ticket: Ticket) -> None:
        """Return once the entry is durable. Raise StorageError if it never will be."""
        if ticket.durable:
            return
        if ticket.error is not None:
            raise ticket.error
        future = asyncio.get_running_loop().create_future()
        ticket.waiting.append(future)
        await future

    async def close(self) -> None:
        """Wait until all submitted entries are durable, then close the storage."""
        while self._flushing is not None:
            await asyncio.wait((self._flushing,))
        self._storage.close()

    # -- segments

    def hold(self, segment: int) -> None:
        """Keep the segment until it has been released as often as it was held."""
        self._holders[segment] += 1

    def release(self, segment: int) -> None:
        """Release one hold. Segments without holds are removed when the next segment begins; see :meth:`tidy`."""
        self._holders[segment] -= 1
        if not self._holders[segment]:
            del self._holders[segment]

    def tidy(self) -> None:
        """Begin the next segment if this one is full, or if that allows a segment's worth of data to be removed."""
        # One pending new segment is enough, whatever has been released in the meantime.
        if not self._open or self.failure is not None or self.segment not in self._storage.segments:
            return
        waste = sum(self._storage.segments[number] for number in self._unneeded())
        if self._room < 0 or waste >= self._bound:
            self._begin_segment()

    def _unneeded(self) -> list[int]:
        return [number for number in self._storage.segments if number < self.segment and number not in self._holders]

    def _begin_segment(self) -> None:
        ticket = Ticket(self._checkpoint())
        ticket.unneeded = self._unneeded()
        self.segment += 1
        self._enqueue(ticket)
        # If checkpoints filled half of each segment, the journal would soon hold little else.
        self._bound = max(self._storage.segment_bytes, 4 * len(ticket.payload))
        self._room = self._bound - len(ticket.payload)

    def _count_room(self) -> None:
        self.segment = max(self._storage.segments, default=1)
        self._room = self._bound - self._storage.segments.get(self.segment, 0)

    # -- writing

    def _enqueue(self, ticket: Ticket) -> None:
        self._queue.append(ticket)
        self.backlog += len(ticket.payload)
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().create_task(self._flush())

    async def _flush(self) -> None:
        try:
            while self._queue:
                if self._rules.hold_back:
                    await asyncio.sleep(self._rules.hold_back)
                if self._failpoints.armed:
                    await self._failpoints.hit("journal.before-write")
                group = self._next_group()
                payloads = [ticket.payload for ticket in group]
                try:
                    if group[0].unneeded is None:
                        await self._storage.write(payloads)
                    else:
                        await self._storage.begin_segment(payloads, group[0].unneeded)
                except NoSpaceError as error:
                    self._run_out_of_space(error)
                    continue
                self.groups += 1
                self.shortage = None
                self._advance(len(group))
        except StorageError as error:
            self._stop(error)
        except BaseException as error:
            self._stop(StorageError(f"the journal stopped: {error!r}"))
            raise
        finally:
            self._flushing = None

    def _next_group(self) -> list[Ticket]:
        group: list[Ticket] = []
        size = 0
        for ticket in self._queue:
            if group and (size >= _MAX_GROUP_BYTES or ticket.unneeded is not None):
                break
            group.append(ticket)
            size += len(ticket.payload)
            if ticket.unneeded is not None:
                break
        return group

    def _advance(self, count: int) -> None:
        for _ in range(count):
            ticket = self._queue.popleft()
            self.backlog -= len(ticket.payload)
            if not ticket.durable:
                _settle(ticket)

    def _run_out_of_space(self, error: NoSpaceError) -> None:
        if any(ticket.durable for ticket in self._queue):
            # Only a seeded bug acknowledges before it writes, and what was acknowledged cannot be undone.
            raise StorageError(f"{error}; some entries that could not be written had already been acknowledged")
        self.shortage = error
        self._refuse_all(error)
        self._count_room()

    def _stop(self, error: StorageError) -> None:
        self.failure = error
        self._refuse_all(error)

    def _refuse_all(self, error: StorageError) -> None:
        refused = list(self._queue)
        self._queue.clear()
        self.backlog = 0
        for ticket in reversed(refused):
            ticket.error = error
            if ticket.undo is not None and not ticket.durable:
                ticket.undo(error)
        for ticket in refused:
            for future in ticket.waiting:
                if not future.done():
                    future.set_exception(error)


def _settle(ticket: Ticket) -> None:
    ticket.durable = True
    if ticket.settle is not None:
        ticket.settle()
    for future in ticket.waiting:
        if not future.done():
            future.set_result(None)
