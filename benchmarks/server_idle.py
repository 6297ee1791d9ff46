"""Memory that a connection costs while nothing happens on it.

Each of many connections has been used once and stays open: one that has asked for a tail over HTTP/1.1, and one on
which a read session follows a stream over HTTP/2. The figure is what the server's resident memory grew by.
"""

from __future__ import annotations

import argparse
import socket
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

from benchmarks.machine import machine
from benchmarks.raw_session import RawSession
from benchmarks.server_sessions import HEADERS, records_of
from benchmarks.server_tails import tail_request
from benchmarks.servers import Server, about_s2_lite, kinds, running

STREAM: Final = "idle"


def keep_alive(server: Server) -> socket.socket:
    """Return a connection that was used for a check-tail."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    connection.sendall(tail_request(STREAM, 0))
    connection.recv(1 << 16)
    return connection


def follower(server: Server) -> socket.socket:
    """Return a connection on which a session follows the stream."""
    session = RawSession(server.port, "GET", f"{records_of(STREAM)}?seq_num=0", HEADERS)
    while not session.receive():
        pass
    return session.socket


WAYS: Final[dict[str, Callable[[Server], socket.socket]]] = {
    "after a check-tail, HTTP/1.1": keep_alive,
    "following, HTTP/2": follower,
}


def measure(server: Server, way: str, connections: int) -> str:
    """Measure one row of the table, and return it."""
    with ExitStack() as stack:
        for _ in range(50):  # what the first connections cost is not repeated
            stack.enter_context(closing(WAYS[way](server)))
        before = server.memory()
        for _ in range(connections):
            stack.enter_context(closing(WAYS[way](server)))
        grown = server.memory() - before
    return f"{server.name:<12}{way:<30}{grown / connections * 1024:>8.1f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=400)
    options = parser.parse_args(arguments)
    print(machine())
    print(f"{options.connections} connections")
    print(f"{'':<12}{'':<30}{'KiB each':>8}")
    with tempfile.TemporaryDirectory() as directory:
        for kind in kinds():
            for way in WAYS:
                with running(kind, Path(directory) / way.partition(",")[0]) as server:
                    server.create(STREAM)
                    print(measure(server, way, options.connections), flush=True)
    print(about_s2_lite())


if __name__ == "__main__":
    main()
