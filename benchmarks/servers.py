"""The servers that are measured: the bundled one and, where the ``s2`` command is installed, s2-lite beside it.

Both keep their data in a directory on disk. s2-lite runs with its defaults, but without its log.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import perf_counter, sleep
from typing import Final
from urllib.request import ProxyHandler, Request, build_opener

BASIN: Final = "bench-basin"
_OPENER: Final = build_opener(ProxyHandler({}))
_START_SECONDS: Final = 30.0


class Server:
    """A running server process. ``start_seconds`` is the time from its start to its first answer."""

    name: str
    port: int
    process: subprocess.Popen[str]
    start_seconds: float

    def ask(self, method: str, path: str, body: object = None) -> bytes:
        """Send one request beside the load, with a JSON body if there is one. Return the body of its answer."""
        content = None if body is None else json.dumps(body).encode()
        headers = {"s2-basin": BASIN} | ({} if content is None else {"content-type": "application/json"})
        request = Request(f"http://127.0.0.1:{self.port}{path}", content, headers, method=method)
        answer: bytes = _OPENER.open(request, timeout=10).read()
        return answer

    def create(self, stream: str) -> None:
        """Create a stream."""
        self.ask("POST", "/v1/streams", {"stream": stream})

    def tail(self, stream: str) -> int:
        """Return the seq_num of a stream's tail."""
        return int(json.loads(self.ask("GET", f"/v1/streams/{stream}/records/tail"))["tail"]["seq_num"])

    def syncs(self) -> float | None:
        """Return the number of groups of entries made durable, or None if the server does not tell."""
        return None

    def cpu_seconds(self) -> float | None:
        """Return the processor time used so far, or None without /proc."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, *, peak: bool = False) -> float:
        """Return the resident size in megabytes, or the largest so far. NaN without /proc."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return float("nan")
        found = re.search(r"VmHWM:\s+(\d+) kB" if peak else r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024

    def kill(self) -> None:
        """``kill -9``."""
        self.process.kill()
        self.process.communicate(timeout=30)

    def stop(self) -> None:
        """Let the server drain and end."""
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)


class Bundled(Server):
    """A ``fencepost serve`` process with its journal in ``directory`` (None: in memory) and with ``options``."""

    name = "fencepost"

    def __init__(self, directory: Path | None, *options: str) -> None:
        where = ["--memory"] if directory is None else ["--data", str(directory)]
        self._run("fencepost", "serve", "--port", "0", "--basin", BASIN, *where, *options)

    def _run(self, *command: str) -> None:
        began = perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        found = re.search(r":(\d+)$", self.process.stdout.readline().strip())
        if not found:
            raise SystemExit(f"the server did not start: {self.process.communicate()[1]}")
        self.start_seconds = perf_counter() - began
        self.port = int(found[1])

    def syncs(self) -> float | None:
        """See :class:`Server`."""
        found = re.search(r"^fencepost_journal_syncs_total (\S+)$", self.ask("GET", "/metrics").decode(), re.MULTILINE)
        assert found is not None
        return float(found[1])


class Bare(Bundled):
    """The HTTP server of the bundled server with an application that does nothing."""

    name = "HTTP alone"

    def __init__(self, _: Path | None) -> None:
        self._run("benchmarks.bare_server")

    def create(self, stream: str) -> None:
        """Do nothing."""

    def syncs(self) -> float | None:
        """See :class:`Server`."""
        return None


class S2Lite(Server):
    """An ``s2 lite`` process with its data in ``directory`` (None: in memory)."""

    name = "s2-lite"

    def __init__(self, directory: Path | None) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        where = [] if directory is None else ["--local-root", str(directory)]
        began = perf_counter()
        self.process = subprocess.Popen(
            ["s2", "lite", "--port", str(self.port), *where],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "RUST_LOG": "error"},
        )
        while perf_counter() - began < _START_SECONDS and self.process.poll() is None:
            with suppress(OSError):
                self.ask("POST", "/v1/basins", {"basin": BASIN})
                self.start_seconds = perf_counter() - began
                return
            sleep(0.01)
        self.process.kill()
        raise SystemExit("s2 lite did not start")


def kinds() -> list[type[Bundled | S2Lite]]:
    """Return the servers that are installed."""
    return [Bundled, S2Lite] if shutil.which("s2") else [Bundled]


@contextmanager
def running(kind: type[Bundled | S2Lite], directory: Path, *, memory: bool = False) -> Iterator[Server]:
    """Yield a server with its data in a directory of its own below ``directory``, or in memory."""
    server = kind(None if memory else directory / kind.name)
    try:
        yield server
    finally:
        server.stop()


def about_s2_lite() -> str:
    """Return a line about s2-lite for below a table."""
    if not shutil.which("s2"):
        return "s2-lite was not measured: the s2 command is not installed"
    version = subprocess.run(["s2", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return f"s2-lite is that of {version}, with its defaults on a local directory"
