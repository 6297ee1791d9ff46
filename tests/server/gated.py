"""A storage whose writes end when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence

from fencepost.harness.server.storage import Frame, StorageError, Survivors


class GatedStorage:
    """A storage whose every write waits to be let through, and may then fail."""

    name: str = "gated"
    segments: Mapping[int, int] = {1: 0}
    segment_bytes: int = 1 << 30

    def __init__(self) -> None:
        self.groups: list[list[bytes]] = []
        self.begun = asyncio.Event()
        self.open = False  # let everything through
        self._gate: asyncio.Future[None] | None = None

    def recover(self, survivors: Survivors = iter) -> Iterator[Frame]:
        return survivors(iter(()))

    def place(self, frame: Frame) -> str:
        return self.name

    async def begin_segment(self, entries: Sequence[bytes], unneeded: Collection[int]) -> None:
        raise NotImplementedError

    async def write(self, entries: Sequence[bytes]) -> None:
        self.groups.append(list(entries))
        if self.open:
            return
        self._gate = asyncio.get_running_loop().create_future()
        self.begun.set()
        await self._gate

    async def writing(self) -> list[bytes]:
        """Wait until a write is under way; what it writes."""
        await asyncio.wait_for(self.begun.wait(), 5)
        return self.groups[-1]

    async def let_through(self, error: StorageError | None = None) -> None:
        """End the write that is under way (or the next one)."""
        await self.writing()
        self.begun.clear()
        assert self._gate is not None
        if error is None:
            self._gate.set_result(None)
        else:
            self._gate.set_exception(error)

    async def finish(self) -> None:
        """Let everything through from now on, and what is under way."""
        self.open = True
        if self._gate is not None and not self._gate.done():
            await self.let_through()

    def close(self) -> None:
        pass


async def turns(count: int = 10) -> None:
    """Let everything run that can."""
    for _ in range(count):
        await asyncio.sleep(0)
