"""Simulated processes whose programs are coroutines that a test provides."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from .memory_network import MemoryTransport, connected

_log: Final = logging.getLogger(__name__)
_FATAL: Final = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class ScriptedChild:
    """A process whose program is a coroutine. The harness uses one half of its methods, the program the other.

    SIGKILL ends it at once, and so do the other terminating signals unless :meth:`catch` handles them. SIGSTOP and
    SIGCONT only set and clear ``stopped``; the program may await :meth:`running`.
    """

    def __init__(self, pid: int, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.pid = pid
        self.command = tuple(command)
        self.environment = dict(environment)
        self._log = log
        log.touch()
        self.returncode: int | None = None
        self.stopped = False
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()
        self._ended = asyncio.Event()
        self._running = asyncio.Event()
        self._running.set()
        self._handlers: dict[signal.Signals, Callable[[], None]] = {}
        self._task: asyncio.Task[None] | None = None
        self._input: MemoryTransport | None = None
        self._output_ended = False

    # -- the harness's side

    async def readline(self) -> bytes:
        """See :class:`~.spawn.Child`."""
        if self._output_ended and self._lines.empty():
            return b""
        line = await self._lines.get()
        self._output_ended = self._output_ended or not line
        return line

    def send_signal(self, number: signal.Signals) -> None:
        """See :class:`~.spawn.Child`."""
        if self.returncode is not None:
            return
        if number in (signal.SIGSTOP, signal.SIGCONT):
            self.stopped = number is signal.SIGSTOP
            (self._running.clear if self.stopped else self._running.set)()
        elif number in self._handlers:
            self._handlers[number]()
        elif number in _FATAL:
            self._end(-number)
            if self._task is not None:
                self._task.cancel()

    async def wait(self) -> int:
        """See :class:`~.spawn.Child`."""
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    # -- the program's side

    def print(self, line: str) -> None:
        """Write a line to standard output."""
        self._lines.put_nowait(f"{line}\n".encode())

    def complain(self, line: str) -> None:
        """Write a line to standard error, which goes to the log."""
        with self._log.open("a") as log:
            log.write(f"{line}\n")

    def catch(self, number: signal.Signals, handler: Callable[[], None]) -> None:
        """Call ``handler`` at a signal. Raise ValueError for signals that no process can handle."""
        if number in (signal.SIGKILL, signal.SIGSTOP):
            raise ValueError(f"{number.name} cannot be caught")
        self._handlers[number] = handler

    async def running(self) -> None:
        """Return once the process is not stopped."""
        await self._running.wait()

    def control(self, factory: Callable[[], asyncio.Protocol]) -> None:
        """Serve the channel to the harness on this process's standard input. Raise OSError if it has none."""
        if self._input is None:
            raise OSError("the standard input of this process is empty")
        protocol = factory()
        self._input.set_protocol(protocol)
        protocol.connection_made(self._input)
        self._input.resume_reading()

    # -- the spawner's side

    def start(self, program: Program, control: Callable[[], asyncio.Protocol] | None) -> None:
        """Start the program."""
        if control is not None:
            _, self._input = connected(control(), asyncio.Protocol())
            self._input.pause_reading()  # until the program asks for it
        self._task = asyncio.create_task(self._run(program))

    async def _run(self, program: Program) -> None:
        try:
            code = await program(self)
        except asyncio.CancelledError:
            return  # killed: its exit code is set already
        except Exception:
            _log.exception("the program %s raised", self.command)
            code = 1
        self._end(code)

    def _end(self, code: int) -> None:
        self.returncode = code
        self._lines.put_nowait(b"")
        self._ended.set()
        if self._input is not None:
            self._input.close()


Program: TypeAlias = Callable[[ScriptedChild], Awaitable[int]]


class ScriptedSpawner:
    """Starts coroutines as processes.

    ``programs`` maps the first word of a command to its program. ``children`` are all processes started so far.
    """

    def __init__(self, programs: Mapping[str, Program]) -> None:
        self._programs = programs
        self.children: list[ScriptedChild] = []

    async def spawn(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        control: Callable[[], asyncio.Protocol] | None = None,
    ) -> ScriptedChild:
        """See :class:`~.spawn.Spawner`."""
        child = ScriptedChild(1000 + len(self.children), command, environment or {}, log)
        self.children.append(child)
        child.start(self._programs.get(command[0], _not_found), control)
        return child


async def _not_found(child: ScriptedChild) -> int:
    child.complain(f"{child.command[0]}: No such file or directory")
    return 127
