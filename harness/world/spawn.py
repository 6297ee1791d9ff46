"""Processes that the harness starts and that die with it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, Protocol

_TETHER: Final = Path(__file__).with_name("tether.py")


class Child(Protocol):
    """A started process."""

    @property
    def pid(self) -> int:
        """The process id."""
        ...

    @property
    def returncode(self) -> int | None:
        """The exit code, or minus the number of the signal that killed the process; None while it runs."""
        ...

    async def readline(self) -> bytes:
        """Return the next line of standard output, or empty bytes at the end."""
        ...

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal. Does nothing if the process has ended."""
        ...

    async def wait(self) -> int:
        """Return the exit code once the process has ended."""
        ...


class Spawner(Protocol):
    """Starts processes. Each dies with the harness, however the harness dies, even if the process is stopped."""

    async def spawn(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        control: Callable[[], asyncio.Protocol] | None = None,
    ) -> Child:
        """Start a command and return its process, which has its own session so that Ctrl-C does not reach it.

        Its standard error is appended to ``log``. ``environment`` is added to the harness's own. With ``control``,
        its standard input is a two-way channel, and the protocol that ``control`` returns serves the other end.
        Without, its standard input is empty. A command that cannot be run ends with exit code 127.
        """
        ...


class SystemChild:
    """A process of this machine."""

    def __init__(self, process: asyncio.subprocess.Process, life: int) -> None:
        self._process = process
        self._life = life  # the pipe whose closing kills the process

    @property
    def pid(self) -> int:
        """See :class:`Child`."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """See :class:`Child`."""
        return self._process.returncode

    async def readline(self) -> bytes:
        """See :class:`Child`."""
        assert self._process.stdout is not None
        return await self._process.stdout.readline()

    def send_signal(self, number: signal.Signals) -> None:
        """See :class:`Child`."""
        if self._process.returncode is None:
            try:
                self._process.send_signal(number)
            except ProcessLookupError:
                return

    async def wait(self) -> int:
        """See :class:`Child`."""
        code = await self._process.wait()
        if self._life >= 0:
            os.close(self._life)
            self._life = -1
        return code


class SystemSpawner:
    """Starts processes on this machine through :mod:`~.tether`, so that they die with this process.

    ``tether`` is the mechanism, explained in that module. The ``kernel`` mechanism kills a process when the *thread*
    that started it ends. Here that is the thread of the event loop, which the harness needs to the end anyway.
    """

    def __init__(self, tether: Literal["kernel", "pipe"] = "kernel" if sys.platform == "linux" else "pipe") -> None:
        self._tether = tether

    async def spawn(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        control: Callable[[], asyncio.Protocol] | None = None,
    ) -> SystemChild:
        """See :class:`Spawner`."""
        with contextlib.ExitStack() as opened:
            channel: asyncio.Transport | None = None
            stdin: int = asyncio.subprocess.DEVNULL
            if control is not None:
                ours, theirs = socket.socketpair()
                stdin = opened.enter_context(theirs).fileno()
                ours.setblocking(False)
                channel, _ = await asyncio.get_running_loop().create_unix_connection(control, sock=ours)
            watched, life = os.pipe()
            opened.callback(os.close, watched)
            try:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-S", str(_TETHER), self._tether, str(os.getpid()), str(watched)),
                    *command,
                    stdin=stdin,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=opened.enter_context(log.open("ab")),
                    pass_fds=(watched,),
                    start_new_session=True,
                    env={**_environment(), **(environment or {})},
                )
            except BaseException:
                os.close(life)
                if channel is not None:
                    channel.close()
                raise
        return SystemChild(process, life)


def _environment() -> dict[str, str]:
    # A killed child would leave a truncated coverage file behind.
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
