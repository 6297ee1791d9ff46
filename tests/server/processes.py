"""The reference server as a real process, and the barest HTTP client that can talk to it."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

START_SECONDS = 30.0
STOP_SECONDS = 30.0
BASIN = "test-basin"


class ServerProcess:
    """``fencepost serve`` on a port of the system's choosing, with what it wrote to stderr kept in a file.

    ``under`` is a command that runs the command in its arguments.
    """

    def __init__(
        self,
        log: Path,
        *options: str,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        env: Mapping[str, str] | None = None,
        under: Sequence[str] = (),
    ) -> None:
        self.log = log
        self._log_file = log.open("ab")
        self.process = subprocess.Popen(
            [*under, *serve_command("--port", "0", "--basin", BASIN, *options)],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=self._log_file,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
        self.port = self._announced_port()

    def _announced_port(self) -> int:
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], START_SECONDS)
        line = self.process.stdout.readline().decode() if readable else ""
        found = re.fullmatch(r"fencepost reference server listening on https?://127\.0\.0\.1:(\d+)\n", line)
        if not found:
            self.close()
            raise AssertionError(f"the server did not start; it said {line!r} and logged:\n{self.log.read_text()}")
        return int(found[1])

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def terminate(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def resident(self) -> float:
        """Its memory in MB."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found is not None
        return int(found[1]) / 1024

    def close(self) -> None:
        """End it in any case and let go of its files."""
        if self.process.poll() is None:
            self.kill()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log_file.close()

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve_command(*options: str) -> list[str]:
    """The command line of a server."""
    return [sys.executable, "-c", "from fencepost.harness.cli.entry import main; main()", "serve", *options]


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str] = field(repr=False)
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The error code in the body."""
        return str(self.json["code"])


def connected(port: int, timeout: float, tls: ssl.SSLContext | None = None) -> socket.socket:
    """A connection to a server on this machine, which ``tls`` has to trust. ``timeout`` is seconds for each read."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return plain if tls is None else tls.wrap_socket(plain, server_hostname="127.0.0.1")


class Connection:
    """One keep-alive HTTP/1.1 connection. ``timeout`` is seconds for each read."""

    def __init__(self, port: int, timeout: float = 20.0, tls: ssl.SSLContext | None = None) -> None:
        self.socket = connected(port, timeout, tls)
        self._buffer = b""

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        basin: str | None = BASIN,
    ) -> Answer:
        """Send one request (``body`` as it is if bytes, else as JSON) and wait for its answer.

        The body is said to be JSON unless the headers say otherwise.
        """
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", "host: test"]
        if basin is not None:
            lines.append(f"s2-basin: {basin}")
        given = list(headers.items() if isinstance(headers, Mapping) else headers)
        if "content-type" not in dict(given):
            given.append(("content-type", "application/json"))
        lines += [f"{name}: {value}" for name, value in given]
        if content or body is not None:
            lines.append(f"content-length: {len(content)}")
        self.socket.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + content)
        return self.answer()

    def answer(self) -> Answer:
        """Read one answer. Raises ConnectionError where the connection ends first."""
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(self._buffer) < length:
            self._more()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Answer(int(status_line.split()[1]), headers, body)

    def all(self) -> bytes:
        """Read to the end of the connection."""
        while data := self.socket.recv(1 << 16):
            self._buffer += data
        return self._buffer

    def _more(self) -> None:
        data = self.socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._buffer += data

    def append(self, stream: str, *bodies: str, headers: Mapping[str, str] | None = None, **conditions: Any) -> Answer:
        """Append records with these bodies."""
        batch = {"records": [{"body": body} for body in bodies], **conditions}
        return self.request("POST", records_of(stream), batch, headers or {})

    def tail(self, stream: str) -> int:
        """The seq_num that the next record of the stream will get."""
        return int(self.request("GET", f"{records_of(stream)}/tail").json["tail"]["seq_num"])

    def in_flight(self) -> int:
        """Requests that the server is handling, besides this one."""
        text = self.request("GET", "/metrics").body.decode()
        found = re.search(r"^fencepost_requests_in_flight (\S+)$", text, re.MULTILINE)
        assert found is not None
        return int(float(found[1])) - 1

    def read_all(self, stream: str) -> list[dict[str, Any]]:
        """Every record of the stream, page by page."""
        records: list[dict[str, Any]] = []
        while True:
            start = records[-1]["seq_num"] + 1 if records else 0
            answer = self.request("GET", f"{records_of(stream)}?seq_num={start}")
            if answer.status == 416:
                return records
            assert answer.status == 200, answer
            assert answer.json["records"], "a page below the tail is empty"
            records += answer.json["records"]

    def close(self) -> None:
        """Close it."""
        self.socket.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def records_of(stream: str) -> str:
    """The path of a stream's records."""
    return f"/v1/streams/{quote(stream, safe='')}/records"


def wait_until(condition: Any, what: str, seconds: float = 20.0) -> None:
    """Poll until ``condition()`` holds; fail, saying ``what``, if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.005)
