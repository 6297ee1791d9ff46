"""The target that is the bundled reference server, in its own process."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import sys
from typing import Any, ClassVar

from ..client.options import ClientOptions
from ..client.protocol import StreamClient
from ..history.events import StreamState
from ..server import bugs
from ..world.control import ControlClient
from ..world.spawn import Child
from .options import Option
from .streams import create_stream
from .target import TargetFailure, TargetOptions

_BASIN = "fencepost-reference"
_START_LIMIT = 15.0
_STOP_LIMIT = 10.0
_LISTENING = re.compile(rb"listening on (http://127\.0\.0\.1:(\d+))")


class ReferenceServer:
    """A reference server: ``fencepost serve`` with a journal in the run's folder.

    The server has its own session, so Ctrl-C does not reach it. It dies with the harness, however the harness dies.
    Raise UsageFailure for an unknown bug.
    """

    summary = "the bundled reference server, started for the run"
    options: ClassVar = (Option("bug", "a bug to plant (see: fencepost bugs)", repeatable=True, flag="--bug NAME"),)
    gentle_rate = None

    def __init__(self, options: TargetOptions) -> None:
        self._bugs: tuple[str, ...] = options.own.get("bug", ())
        bugs.compose(self._bugs)
        self._options = options
        self._data = options.folder / "data"
        self._log = options.folder / "server.log"
        self._child: Child | None = None
        self._serving = False
        self._control = ControlClient()
        self._port = 0
        self._url = ""

    async def set_up(self) -> list[StreamState]:
        """Start the server, make the streams and return their states. Raise TargetFailure if that fails."""
        await self._start()
        names = [f"{self._options.run_id}-{number}" for number in range(self._options.streams)]
        for name in names:
            await create_stream(self.connect, name)
        return [StreamState(name) for name in names]

    def connect(self) -> StreamClient:
        """Return a client for one process."""
        options = self._options
        return options.client(
            ClientOptions(url=self._url, basin=_BASIN, network=options.world.network, timeout=options.timeout)
        )

    def describe(self) -> dict[str, Any]:
        """Return the name and the planted bugs."""
        return {"name": "reference", "bugs": list(self._bugs)}

    def control(self) -> ControlClient:
        """Return the channel to the running server. Raise TargetFailure if the server has ended by itself."""
        self._running()
        return self._control

    async def kill(self) -> None:
        """Kill the server with SIGKILL."""
        child = self._running()
        self._serving = False
        child.send_signal(signal.SIGKILL)
        await child.wait()

    async def restart(self) -> None:
        """Start the server again on the same port and journal. Do nothing if it is serving.

        The new server's clock is correct and no failpoint is armed. A server that is being killed, or did not come up,
        is killed first. Raise TargetFailure if the new server does not come up.
        """
        if self._child is not None and self._child.returncode is None:
            if self._serving:
                return
            self._child.send_signal(signal.SIGKILL)
            await self._child.wait()
        await self._start()

    async def tear_down(self) -> None:
        """Stop the server, and remove its journal unless the run keeps it."""
        child, self._child = self._child, None
        try:
            if child is not None:
                await _stop(child)
        finally:
            if not self._options.keep:
                shutil.rmtree(self._data, ignore_errors=True)

    def _running(self) -> Child:
        if self._child is None or self._child.returncode is not None:
            code = "" if self._child is None else f" with exit code {self._child.returncode}"
            raise TargetFailure(f"the reference server ended by itself{code}: see {self._log}")
        return self._child

    async def _start(self) -> None:
        command = [sys.executable, "-m", "fencepost", "serve", "--host", "127.0.0.1", "--port", str(self._port)]
        command += ["--data", str(self._data), "--basin", _BASIN, "--control"]
        # No record may vanish by age, however a fault moves the clock: the history would have to declare it.
        command += ["--retention", "infinite"]
        for bug in self._bugs:
            command += ["--bug", bug]
        self._serving = False
        control = self._control = ControlClient()
        self._child = await self._options.world.spawn.spawn(command, log=self._log, control=lambda: control)
        try:
            async with asyncio.timeout(_START_LIMIT):
                await self._wait_until_listening(self._child)
        except TimeoutError as error:
            await self.kill()
            text = f"the reference server did not listen within {_START_LIMIT:g} s: see {self._log}"
            raise TargetFailure(text) from error

    async def _wait_until_listening(self, child: Child) -> None:
        while line := await child.readline():
            if found := _LISTENING.search(line):
                self._url, self._port = found[1].decode(), int(found[2])
                self._serving = True
                return
        code = await child.wait()
        tail = self._log.read_text(errors="replace").strip().splitlines()
        raise TargetFailure(
            f"the reference server ended with exit code {code} before it listened: "
            f"{tail[-1] if tail else 'it wrote nothing'} (see {self._log})"
        )


async def _stop(child: Child) -> None:
    child.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(_STOP_LIMIT):
            await child.wait()
    except TimeoutError:
        child.send_signal(signal.SIGKILL)
        await child.wait()
