"""How much memory clients can tie up in the bundled server: unauthorized paths, unfinished bodies, abandoned reads.

Each case uses a new server, whose resident memory is read before and after. The abandoned reads wait for 60 seconds,
but their clients disconnect. The time is measured until the server has dropped the last of them.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from benchmarks.machine import machine
from benchmarks.servers import BASIN, Bundled, Server

PATHS: Final = 4096
PATH_BYTES: Final = 60_000
BODIES: Final = 60
BODY_BYTES: Final = 8 << 20
READS: Final = 200


@contextmanager
def serving(*options: str) -> Iterator[Server]:
    """Yield a server in memory with a stream."""
    server = Bundled(None, *options)
    try:
        yield server
    finally:
        server.stop()


def memory(server: Server) -> float:
    """Return the server's resident memory in megabytes."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{server.process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def connected(server: Server, stack: ExitStack) -> socket.socket:
    """Return a connection that is closed with the stack."""
    return stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=5))


def head(method: str, path: str, *fields: str) -> bytes:
    """Return the head of a request."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: bench", f"s2-basin: {BASIN}", *fields, "\r\n"]).encode()


def long_paths() -> str:
    """Send requests without the token that the server requires."""
    os.environ["BENCH_TOKEN"] = "secret"
    with serving("--token-env", "BENCH_TOKEN") as server, ExitStack() as stack:
        before, connection = memory(server), connected(server, stack)
        for number in range(PATHS):
            connection.sendall(head("GET", f"/v1/streams/{number:0{PATH_BYTES}}"))
            answer = connection.recv(1 << 16)
            if not answer.startswith(b"HTTP/1.1 403 "):
                raise SystemExit(f"not refused: {answer[:300]!r}")
        return (
            f"{memory(server) - before:.1f} MB more after {PATHS:,} refused requests with paths of {PATH_BYTES:,} bytes"
        )


def half_sent_bodies() -> str:
    """Send bodies without their last byte."""
    with serving() as server, ExitStack() as stack:
        before = memory(server)
        for _ in range(BODIES):
            connection = connected(server, stack)
            with suppress(OSError):  # the server refuses it
                connection.sendall(head("POST", "/v1/streams/s/records", f"content-length: {BODY_BYTES}"))
                connection.sendall(b" " * (BODY_BYTES - 1))
        time.sleep(0.5)
        grown = memory(server) - before
        return f"{grown:.0f} MB more while {BODIES} bodies of {BODY_BYTES >> 20} MiB lack their last byte"


def hang_ups() -> str:
    """Start reads that wait, and disconnect their clients."""
    with serving() as server, ExitStack() as stack:
        server.ask("PUT", "/v1/streams/s")
        for _ in range(READS):
            connected(server, stack).sendall(head("GET", "/v1/streams/s/records?seq_num=0&wait=60"))

        def in_flight() -> int:
            found = re.search(
                r"^fencepost_requests_in_flight (\S+)$", server.ask("GET", "/metrics").decode(), re.MULTILINE
            )
            assert found is not None
            return int(float(found[1])) - 1  # without this request itself

        while in_flight() < READS:
            time.sleep(0.01)
        began = time.perf_counter()
        stack.close()
        while in_flight():
            if time.perf_counter() - began > 10:
                raise SystemExit(f"{in_flight()} reads are still in flight 10 s after their clients hung up")
        return (
            f"{(time.perf_counter() - began) * 1000:.0f} ms until {READS} waiting reads are gone whose clients hung up"
        )


def main() -> None:
    """Print one line per case."""
    print(machine())
    for measure in (long_paths, half_sent_bodies, hang_ups):
        print(measure())


if __name__ == "__main__":
    main()
