"""Group commit: entries handed over while a group is being made durable form the next group and share its sync.

Entries are durable in the order in which they were submitted. After a failure nothing is: the journal stops for
good, because after a failed sync nobody knows what the file holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from .failpoints import Failpoints
from .rules import StorageRules
from .storage import Frame, Storage, StorageError

_MAX_GROUP_BYTES: Final = 16 << 20


@dataclass(slots=True)
class _Entry:
    payload: bytes
    settle: Callable[[], None] | None
    waiting: list[asyncio.Future[None]] = field(default_factory=list)


class Journal:
    """The ordered journal of a server over its storage.

    A *ticket* is the ordinal number of an entry since the start, from 1; ticket 0 has always been durable.
    ``durable`` and ``submitted`` are the highest tickets that are so; ``backlog`` is the size (bytes) of the entries
    that have not been written yet, ``groups`` how many groups have.

    ``failure`` is what stopped the journal, None while it works; ``failed`` is then called, once.
    """

    def __init__(
        self,
        storage: Storage,
        rules: StorageRules,
        failed: Callable[[StorageError], None],
        failpoints: Failpoints | None = None,
    ) -> None:
        self.failure: StorageError | None = None
        self.groups = 0
        self.backlog = 0
        self.durable = 0
        self.submitted = 0
        self._storage = storage
        self._rules = rules
        self._failed = failed
        self._failpoints = failpoints or Failpoints()
        self._entries: dict[int, _Entry] = {}
        self._flushing: asyncio.Task[None] | None = None
        self._written = 0

    def recover(self) -> Iterator[Frame]:
        """See :meth:`Storage.recover`."""
        return self._storage.recover(self._rules.survivors)

    def submit(self, payload: bytes, settle: Callable[[], None] | None = None) -> int:
        """Hand over an entry; ``settle`` is called when it is durable, in the order of the entries.

        Returns its ticket. Raises StorageError where the journal has stopped: the entry is then not taken.
        """
        if self.failure is not None:
            raise self.failure
        self.submitted += 1
        entry = _Entry(payload, settle)
        self._entries[self.submitted] = entry
        self.backlog += len(payload)
        if self._rules.acknowledge_when_submitted:
            self.durable = self.submitted
            self._settle(entry)
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().create_task(self._flush())
        return self.submitted

    async def wait(self, ticket: int) -> None:
        """Return when the entry is durable. Raises StorageError when it never will be."""
        if ticket <= self.durable:
            return
        if self.failure is not None:
            raise self.failure
        future = asyncio.get_running_loop().create_future()
        self._entries[ticket].waiting.append(future)
        await future

    async def close(self) -> None:
        """Let what was submitted become durable, then close the storage."""
        if self._flushing is not None:
            await asyncio.wait((self._flushing,))
        self._storage.close()

    async def _flush(self) -> None:
        try:
            while self._written < self.submitted:
                if self._rules.hold_back:
                    await asyncio.sleep(self._rules.hold_back)
                if self._failpoints.armed:
                    await self._failpoints.hit("journal.before-write")
                last, payloads = self._next_group()
                await self._storage.write(payloads)
                self.groups += 1
                self._advance(last)
        except StorageError as error:
            self._stop(error)
        except BaseException as error:
            self._stop(StorageError(f"the journal stopped: {error!r}"))
            raise
        finally:
            self._flushing = None

    def _next_group(self) -> tuple[int, list[bytes]]:
        payloads = []
        size = 0
        last = self._written
        while last < self.submitted and size < _MAX_GROUP_BYTES:
            last += 1
            payloads.append(self._entries[last].payload)
            size += len(payloads[-1])
        return last, payloads

    def _advance(self, last: int) -> None:
        for ticket in range(self._written + 1, last + 1):
            entry = self._entries.pop(ticket)
            self.backlog -= len(entry.payload)
            if ticket > self.durable:
                self.durable = ticket
                self._settle(entry)
        self._written = last

    @staticmethod
    def _settle(entry: _Entry) -> None:
        if entry.settle is not None:
            entry.settle()
        for future in entry.waiting:
            if not future.done():
                future.set_result(None)

    def _stop(self, error: StorageError) -> None:
        self.failure = error
        for entry in self._entries.values():
            for future in entry.waiting:
                if not future.done():
                    future.set_exception(error)
        self._entries.clear()
        self._failed(error)
