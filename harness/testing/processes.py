"""Conformance suite for spawners, real or simulated: the checks of :data:`SPAWNER_CHECKS`.

A check runs a few programs by name. :data:`COMMANDS` has them as commands for a spawner of real processes,
:data:`PROGRAMS` as coroutines for :class:`~fencepost.harness.world.scripted_spawn.ScriptedSpawner`:

- ``greet`` prints ``hello`` and the environment variable GREETING, and ends with exit code 3;
- ``wait`` prints ``ready`` and runs until it is killed;
- ``catch`` does the same, but ends with exit code 7 at SIGTERM;
- ``echo`` sends back everything that arrives on its channel, and ends with exit code 0 when the channel ends;
- ``missing`` is a command that does not exist.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from fencepost.harness.world.scripted_spawn import Program, ScriptedChild
from fencepost.harness.world.spawn import Spawner

from .network import Peer

_SECONDS: Final = 20.0
_PYTHON: Final = (sys.executable, "-I", "-S", "-c")
_WAIT: Final = "print('ready', flush=True)\nwhile True: signal.pause()"

COMMANDS: Final[Mapping[str, Sequence[str]]] = {
    "greet": (*_PYTHON, "import os, sys; print('hello', os.environ['GREETING']); sys.exit(3)"),
    "wait": (*_PYTHON, f"import signal\n{_WAIT}"),
    "catch": (*_PYTHON, f"import os, signal\nsignal.signal(signal.SIGTERM, lambda *_: os._exit(7))\n{_WAIT}"),
    "echo": (*_PYTHON, "import os\nwhile data := os.read(0, 4096): os.write(0, data)"),
    "missing": ("/nonexistent/program",),
}


async def _greet(child: ScriptedChild) -> int:
    child.print(f"hello {child.environment['GREETING']}")
    return 3


async def _wait(child: ScriptedChild) -> int:
    child.print("ready")
    await asyncio.Event().wait()
    return 0


async def _catch(child: ScriptedChild) -> int:
    terminated = asyncio.Event()
    child.catch(signal.SIGTERM, terminated.set)
    child.print("ready")
    await terminated.wait()
    return 7


class _Echo(asyncio.Protocol):
    def __init__(self) -> None:
        self.ended = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()


async def _echo(child: ScriptedChild) -> int:
    echo = _Echo()
    child.control(lambda: echo)
    await echo.ended.wait()
    return 0


PROGRAMS: Final[Mapping[str, Program]] = {"greet": _greet, "wait": _wait, "catch": _catch, "echo": _echo}


class SpawnerCheck(Protocol):
    """A check of a spawner. ``commands`` has this module's programs by name. ``log`` is a file to write to."""

    __name__: str

    def __call__(self, spawner: Spawner, commands: Mapping[str, Sequence[str]], log: Path) -> Awaitable[None]:
        """Raise AssertionError if the spawner fails the check."""


async def _output_and_exit_code_come_back(spawner: Spawner, commands: Mapping[str, Sequence[str]], log: Path) -> None:
    async with asyncio.timeout(_SECONDS):
        child = await spawner.spawn(commands["greet"], log=log, environment={"GREETING": "world"})
        assert await child.readline() == b"hello world\n"
        assert await child.readline() == b""
        assert await child.readline() == b""
        assert await child.wait() == 3
        assert await child.wait() == child.returncode == 3
        child.send_signal(signal.SIGKILL)  # too late, but not an error
        assert child.returncode == 3


async def _signals_end_it_as_they_do(spawner: Spawner, commands: Mapping[str, Sequence[str]], log: Path) -> None:
    async with asyncio.timeout(_SECONDS):
        for name, number, code in (
            ("wait", signal.SIGKILL, -9),
            ("wait", signal.SIGTERM, -15),
            ("catch", signal.SIGTERM, 7),
        ):
            child = await spawner.spawn(commands[name], log=log)
            assert await child.readline() == b"ready\n"
            assert child.returncode is None
            child.send_signal(number)
            assert await child.wait() == code


async def _it_is_killed_while_stopped(spawner: Spawner, commands: Mapping[str, Sequence[str]], log: Path) -> None:
    async with asyncio.timeout(_SECONDS):
        child = await spawner.spawn(commands["wait"], log=log)
        assert await child.readline() == b"ready\n"
        child.send_signal(signal.SIGSTOP)
        assert child.returncode is None
        child.send_signal(signal.SIGKILL)
        assert await child.wait() == -9


async def _it_can_be_talked_to(spawner: Spawner, commands: Mapping[str, Sequence[str]], log: Path) -> None:
    async with asyncio.timeout(_SECONDS):
        peer = Peer()
        child = await spawner.spawn(commands["echo"], log=log, control=lambda: peer)
        await peer.has("made")
        peer.transport.write(b"are you there?")
        await peer.until(lambda: peer.received == b"are you there?")
        peer.transport.write_eof()
        assert await child.wait() == 0
        await peer.has("lost")


async def _its_channel_ends_when_it_is_killed(
    spawner: Spawner, commands: Mapping[str, Sequence[str]], log: Path
) -> None:
    async with asyncio.timeout(_SECONDS):
        peer = Peer()
        child = await spawner.spawn(commands["echo"], log=log, control=lambda: peer)
        child.send_signal(signal.SIGKILL)
        assert await child.wait() == -9
        await peer.has("lost")


async def _its_input_is_empty_without_a_channel(
    spawner: Spawner, commands: Mapping[str, Sequence[str]], log: Path
) -> None:
    async with asyncio.timeout(_SECONDS):
        child = await spawner.spawn(commands["echo"], log=log)
        assert await child.wait() in (0, 1)


async def _what_cannot_be_run_ends_with_127(spawner: Spawner, commands: Mapping[str, Sequence[str]], log: Path) -> None:
    async with asyncio.timeout(_SECONDS):
        child = await spawner.spawn(commands["missing"], log=log)
        assert await child.readline() == b""
        assert await child.wait() == 127
    assert "No such file" in _text(log)


def _text(log: Path) -> str:
    return log.read_text()


SPAWNER_CHECKS: Final[tuple[SpawnerCheck, ...]] = (
    _output_and_exit_code_come_back,
    _signals_end_it_as_they_do,
    _it_is_killed_while_stopped,
    _it_can_be_talked_to,
    _its_channel_ends_when_it_is_killed,
    _its_input_is_empty_without_a_channel,
    _what_cannot_be_run_ends_with_127,
)
