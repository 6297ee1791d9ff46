"""The bundled reference server, in a process of its own."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sys
from contextlib import suppress
from typing import Any, ClassVar

from ..client.http import HttpStreamClient
from ..history.events import StreamState
from ..server import bugs
from .options import Option
from .streams import create_stream
from .target import TargetFailure, TargetOptions

_BASIN = "fencepost-reference"
_START_LIMIT = 15.0
_STOP_LIMIT = 10.0
_LISTENING = re.compile(rb"listening on (http://127\.0\.0\.1:(\d+))")


class ReferenceServer:
    """Runs ``fencepost serve`` on a journal in the run's folder.

    The server is in a session of its own, so that Ctrl-C does not reach it, and watches its standard input, so
    that it ends when the harness does, however that dies. Raises UsageFailure for an unknown bug.
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
        self._process: asyncio.subprocess.Process | None = None
        self._port = 0
        self._url = ""

    async def set_up(self) -> list[StreamState]:
        """Start the server and make the streams."""
        await self._start()
        names = [f"{self._options.run_id}-{number}" for number in range(self._options.streams)]
        for name in names:
            await create_stream(self.connect, name)
        return [StreamState(name) for name in names]

    def connect(self) -> HttpStreamClient:
        """Return a client for one process identity."""
        return HttpStreamClient(self._url, _BASIN, timeout=self._options.timeout)

    def describe(self) -> dict[str, Any]:
        """Describe it by name and planted bugs."""
        return {"name": "reference", "bugs": list(self._bugs)}

    async def kill(self) -> None:
        """``kill -9``."""
        process = self._running()
        process.kill()
        await process.wait()

    async def restart(self) -> None:
        """Start the server again on the same port and journal."""
        if self._process is not None and self._process.returncode is None:
            raise TargetFailure("the reference server is to be restarted, but it runs")
        await self._start()

    async def tear_down(self) -> None:
        """Stop the server, and remove its journal unless ``keep`` is set."""
        process, self._process = self._process, None
        try:
            if process is not None:
                await _stop(process)
        finally:
            if not self._options.keep:
                shutil.rmtree(self._data, ignore_errors=True)

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            code = "" if self._process is None else f" with exit code {self._process.returncode}"
            raise TargetFailure(f"the reference server has ended by itself{code}: see {self._log}")
        return self._process

    async def _start(self) -> None:
        arguments = ["serve", "--host", "127.0.0.1", "--port", str(self._port), "--data", str(self._data)]
        arguments += ["--basin", _BASIN, "--watch-stdin"]
        for bug in self._bugs:
            arguments += ["--bug", bug]
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "fencepost",
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")},
            )
        try:
            async with asyncio.timeout(_START_LIMIT):
                await self._wait_until_listening(self._process)
        except TimeoutError as error:
            await self.kill()
            text = f"the reference server did not listen within {_START_LIMIT:g} s: see {self._log}"
            raise TargetFailure(text) from error

    async def _wait_until_listening(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            if found := _LISTENING.search(line):
                self._url, self._port = found[1].decode(), int(found[2])
                return
        code = await process.wait()
        tail = self._log.read_text(errors="replace").strip().splitlines()
        raise TargetFailure(
            f"the reference server ended with exit code {code} before it listened: "
            f"{tail[-1] if tail else 'it said nothing'} (see {self._log})"
        )


async def _stop(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(_STOP_LIMIT):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
