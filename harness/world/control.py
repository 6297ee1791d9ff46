"""The control channel between the harness and a child: its two ends, as asyncio protocols.

control = ControlClient()
child = await world.spawn.spawn([..., "serve", "--control"], log=log, control=lambda: control)
await control.set_clock(offset_ms=-60_000)
await control.arm("journal.before-sync", Action.CRASH)
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import Counter
from collections.abc import Callable
from typing import cast

from .control_messages import (
    Action,
    Arm,
    Ask,
    Command,
    ControlError,
    Count,
    Disarm,
    Done,
    FromChild,
    Lines,
    Reached,
    Refused,
    SetClock,
    SetDisk,
    line,
)
from .faulty_disk import DiskFaults


class ControlClient(asyncio.Protocol):
    """The harness's end of the channel. Every method raises ControlError if the child refuses or has ended."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._lines: Lines[FromChild] = Lines(FromChild)  # type: ignore[arg-type]
        self._pending: dict[int, asyncio.Future[Done]] = {}
        self._last = 0
        self._reached: Counter[str] = Counter()
        self._watching: dict[asyncio.Future[None], str] = {}
        self._ended: ControlError | None = None

    async def set_clock(self, offset_ms: int = 0, rate: float = 1.0) -> None:
        """Make the child's clock wrong. Without arguments, make it correct again."""
        await self._ask(SetClock(offset_ms, rate))

    async def set_disk(self, faults: DiskFaults | None = None) -> None:
        """Replace the faults of the child's disk by ``faults``. Without an argument, remove them all."""
        await self._ask(SetDisk(faults or DiskFaults()))

    async def arm(
        self, failpoint: str, action: Action, *, skip: int = 0, times: int | None = None, seconds: float = 0.0
    ) -> None:
        """Make ``action`` happen at a failpoint: after ``skip`` hits, then at the next ``times`` hits (None: all).

        ``seconds`` is the length of a delay.
        """
        self._reached[failpoint] = 0
        await self._ask(Arm(failpoint, action, skip, times, seconds))

    async def disarm(self, failpoint: str) -> None:
        """Make nothing happen at the failpoint any more, and release whatever it holds."""
        await self._ask(Disarm(failpoint))

    async def counts(self) -> dict[str, int]:
        """Return how often each armed failpoint was hit since it was armed."""
        return (await self._ask(Count())).counts

    async def reached(self, failpoint: str) -> None:
        """Return once the action of a failpoint has happened since it was armed.

        A crash is not reported: it ends the channel, which raises ControlError.
        """
        while not self._reached[failpoint]:
            if self._ended is not None:
                raise self._ended
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._watching[future] = failpoint
            try:
                await future
            finally:
                del self._watching[future]

    def close(self) -> None:
        """Close the channel, which tells the child to end."""
        if self._transport is not None:
            self._transport.close()

    async def _ask(self, command: Command) -> Done:
        if self._ended is not None:
            raise self._ended
        if self._transport is None:
            raise ControlError("the control channel is not connected yet")
        self._last += 1
        number = self._last
        future: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._pending[number] = future
        self._transport.write(line(Ask(number, command)))
        try:
            return await future
        finally:
            del self._pending[number]

    # Called by asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        try:
            messages = self._lines.feed(data)
        except ControlError as error:
            self._end(error)
            self.close()
            return
        for message in messages:
            match message:
                case Reached(failpoint, hits):
                    self._reached[failpoint] = hits
                    self._wake()
                case Done(number):
                    _settle(self._pending.get(number), message)
                case Refused(number, text):
                    _settle(self._pending.get(number), ControlError(text))

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._end(ControlError("the control channel was closed: the child has ended"))

    def _end(self, error: ControlError) -> None:
        self._ended = self._ended or error
        for future in self._pending.values():
            _settle(future, self._ended)
        self._wake()

    def _wake(self) -> None:
        for future in self._watching:
            if not future.done():
                future.set_result(None)


def _settle(future: asyncio.Future[Done] | None, result: Done | ControlError) -> None:
    if future is None or future.done():
        return
    if isinstance(result, Done):
        future.set_result(result)
    else:
        future.set_exception(result)


class ControlServer(asyncio.Protocol):
    """The child's end of the channel.

    ``obey`` carries out a command and returns counts, or raises ValueError to refuse it. ``ended`` is called when
    the harness has closed the channel or has died.
    """

    def __init__(self, obey: Callable[[Command], dict[str, int]], ended: Callable[[], None]) -> None:
        self._obey = obey
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._lines = Lines(Ask)

    def reached(self, failpoint: str, hits: int) -> None:
        """Tell the harness that the action of a failpoint happens at its hit number ``hits``. Thread-safe."""
        self._loop.call_soon_threadsafe(self._send, Reached(failpoint, hits))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transport is no subclass

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        try:
            messages = self._lines.feed(data)
        except ControlError:
            assert self._transport is not None
            self._transport.close()
            return
        for ask in messages:
            try:
                self._send(Done(ask.id, self._obey(ask.command)))
            except ValueError as error:
                self._send(Refused(ask.id, str(error)))

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._ended()

    def _send(self, message: FromChild) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(line(message))


async def listen_on_input(server: ControlServer) -> None:
    """Serve the channel on this process's standard input. Raise OSError if standard input is not a socket."""
    channel = socket.socket(fileno=os.dup(0))
    channel.setblocking(False)
    await asyncio.get_running_loop().create_unix_connection(lambda: server, sock=channel)
