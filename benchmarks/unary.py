"""Load of unary requests: a raw socket loop that keeps one request in flight on each of its connections."""

from __future__ import annotations

import argparse
import os
import select
import socket
import statistics
import tempfile
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter_ns
from typing import Final

from benchmarks.machine import machine
from benchmarks.servers import Bundled, Server, about_s2_lite, kinds, running

CONNECTIONS: Final = (1, 20, 200)


@dataclass(frozen=True)
class Load:
    """The latencies of one load, in nanoseconds, one per answer."""

    seconds: float
    latencies: array[int]

    @property
    def rate(self) -> float:
        """The answers per second."""
        return len(self.latencies) / self.seconds

    def quantile(self, share: float) -> float:
        """Return a quantile of the latencies in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1e6


def drive(port: int, connections: int, seconds: float, request: bytes) -> Load:
    """Keep one request in flight on every connection for ``seconds``, then wait for the last answers."""
    poll = select.epoll() if hasattr(select, "epoll") else select.poll()
    sockets: dict[int, socket.socket] = {}
    sent: dict[int, int] = {}
    latencies = array("q")
    for _ in range(connections):
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[connection.fileno()] = connection
        poll.register(connection.fileno(), select.POLLIN)
    began = perf_counter_ns()
    until = began + int(seconds * 1e9)
    for descriptor, connection in sockets.items():
        sent[descriptor] = perf_counter_ns()
        connection.sendall(request)
    while sent:
        events = poll.poll(10)
        if not events:
            raise SystemExit("the server stopped answering")
        for descriptor, _ in events:
            connection = sockets[descriptor]
            answer = connection.recv(1 << 16)
            if not answer.startswith(b"HTTP/1.1 200 ") or not answer.endswith(b"}}"):
                raise SystemExit(f"not the expected answer: {answer[:300]!r}")
            now = perf_counter_ns()
            latencies.append(now - sent.pop(descriptor))
            if now < until:
                sent[descriptor] = now
                connection.sendall(request)
    elapsed = (perf_counter_ns() - began) / 1e9
    for connection in sockets.values():
        connection.close()
    return Load(elapsed, latencies)


def table(
    arguments: Sequence[str] | None,
    description: str | None,
    what: str,
    request_for: Callable[[str, int], bytes],
    *more: type[Bundled],
) -> None:
    """Measure every server and ``more``, and print the table.

    ``request_for`` gets a stream and the size of records (bytes).
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, nargs="+", default=CONNECTIONS)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each load, after a warm-up of a fifth of that")
    parser.add_argument("--bytes", type=int, default=100, help="of a record's body")
    parser.add_argument("--directory", type=Path, help="a directory on the disk to measure (default: a temporary one)")
    parser.add_argument("--memory", action="store_true", help="run without a disk, to see what it costs")
    options = parser.parse_args(arguments)
    print(machine())
    with tempfile.TemporaryDirectory(dir=options.directory) as name:
        directory = Path(name)
        print(f"one sync alone takes {sync_latency(directory):.2f} ms (median) in {directory.parent}")
        print(
            f"{'':<12}{'connections':>11}{what + '/s':>14}{'p50 ms':>9}{'p99 ms':>9}"
            f"{'per sync':>10}{'server µs':>11}{'peak MB':>9}"
        )
        for kind in (*kinds(), *more):
            with running(kind, directory, memory=options.memory) as server:
                for connections in options.connections:
                    stream = f"load-{connections}"
                    server.create(stream)
                    print(
                        _row(server, stream, connections, options.seconds, request_for(stream, options.bytes)),
                        flush=True,
                    )
    print(f"records of {options.bytes} bytes; server µs: processor time of all threads of the server for each of them")
    print(about_s2_lite())


def _row(server: Server, stream: str, connections: int, seconds: float, request: bytes) -> str:
    with get_context("spawn").Pool(1) as pool:
        warm = pool.apply(drive, (server.port, connections, seconds / 5, request))
        syncs, cpu = server.syncs(), server.cpu_seconds()
        load = pool.apply(drive, (server.port, connections, seconds, request))
    synced, spent = server.syncs(), server.cpu_seconds()
    count = len(load.latencies)
    if request.startswith(b"POST") and server.tail(stream) != len(warm.latencies) + count:
        raise SystemExit(f"{stream}: the tail is {server.tail(stream)}, but {len(warm.latencies) + count} were acked")
    per_sync = "" if syncs is None or not synced or synced == syncs else f"{count / (synced - syncs):.1f}"
    cost = "?" if cpu is None or spent is None else f"{(spent - cpu) / count * 1e6:.0f}"
    return (
        f"{server.name:<12}{connections:>11}{load.rate:>14,.0f}{load.quantile(0.5):>9.2f}{load.quantile(0.99):>9.2f}"
        f"{per_sync:>10}{cost:>11}{server.memory(peak=True):>9.0f}"
    )


def sync_latency(directory: Path) -> float:
    """Return the median time (ms) to write and sync 200 bytes without other load."""
    sync = getattr(os, "fdatasync", os.fsync)
    durations = []
    with (directory / "probe").open("wb", buffering=0) as file:
        for _ in range(200):
            began = perf_counter_ns()
            file.write(b"x" * 200)
            sync(file.fileno())
            durations.append((perf_counter_ns() - began) / 1e6)
    return statistics.median(durations)
