"""Appends per second that the bundled server makes durable, at 1, 20 and 200 connections.

A raw socket loop in a separate process generates the load, because the harness's own client would be the bottleneck.
Each connection sends an append of one record, waits for the acknowledgement, and sends the next. The server's journal
is on disk, with one sync per group of appends. Afterwards the stream must have exactly the acknowledged records.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import select
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, perf_counter_ns
from typing import Final
from urllib.request import ProxyHandler, Request, build_opener

from benchmarks.machine import machine

CONNECTIONS: Final = (1, 20, 200)
# Figures of s2-lite 0.43 with a local disk on a similar machine (2 cores), not measured here.
S2_LITE: Final = {1: 160, 20: 3_040, 200: 19_800}
BASIN: Final = "bench-basin"
_OPENER: Final = build_opener(ProxyHandler({}))


@dataclass(frozen=True)
class Load:
    """The latencies of one load, in nanoseconds, one per acknowledged append."""

    seconds: float
    latencies: array[int]

    @property
    def rate(self) -> float:
        """The acknowledged appends per second."""
        return len(self.latencies) / self.seconds

    def quantile(self, share: float) -> float:
        """Return a quantile of the latencies in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1e6


def append_request(stream: str, body_bytes: int) -> bytes:
    """Return the bytes of a request that appends one record."""
    body = json.dumps({"records": [{"body": "x" * body_bytes}]}, separators=(",", ":")).encode()
    head = f"POST /v1/streams/{stream}/records HTTP/1.1\r\nhost: bench\r\ns2-basin: {BASIN}\r\n"
    return f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


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
                raise SystemExit(f"not an acknowledgement: {answer[:300]!r}")
            now = perf_counter_ns()
            latencies.append(now - sent.pop(descriptor))
            if now < until:
                sent[descriptor] = now
                connection.sendall(request)
    elapsed = (perf_counter_ns() - began) / 1e9
    for connection in sockets.values():
        connection.close()
    return Load(elapsed, latencies)


class Server:
    """A ``fencepost serve`` process with its journal in ``directory`` (None: in memory) and with ``options``."""

    def __init__(self, directory: Path | None, *options: str) -> None:
        where = ["--memory"] if directory is None else ["--data", str(directory)]
        command = [sys.executable, "-m", "fencepost", "serve", "--port", "0", "--basin", BASIN, *where, *options]
        began = perf_counter()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        found = re.search(r":(\d+)$", self.process.stdout.readline().strip())
        if not found:
            raise SystemExit(f"the server did not start: {self.process.communicate()[1]}")
        self.start_seconds = perf_counter() - began
        self.port = int(found[1])

    def ask(self, method: str, path: str) -> bytes:
        """Send one request beside the load, and return the body of its answer."""
        request = Request(f"http://127.0.0.1:{self.port}{path}", method=method, headers={"s2-basin": BASIN})
        body: bytes = _OPENER.open(request, timeout=10).read()
        return body

    def counter(self, name: str) -> float:
        """Return a counter of ``/metrics``."""
        found = re.search(rf"^fencepost_{name}_total (\S+)$", self.ask("GET", "/metrics").decode(), re.MULTILINE)
        assert found is not None, name
        return float(found[1])

    def cpu_seconds(self) -> float | None:
        """Return the processor time used so far, or None without /proc."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_memory(self) -> str:
        """Return the largest resident size so far, or unknown without /proc."""
        try:
            found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        except OSError:
            found = None
        return f"{int(found[1]) / 1024:.0f} MB" if found else "unknown"

    def stop(self) -> None:
        """Let the server drain and end."""
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)


def measure(server: Server, connections: int, seconds: float, body_bytes: int) -> str:
    """Measure one row of the table on a new stream, and return it."""
    stream = f"load-{connections}"
    server.ask("PUT", f"/v1/streams/{stream}")
    request = append_request(stream, body_bytes)
    with get_context("spawn").Pool(1) as pool:
        warm = pool.apply(drive, (server.port, connections, seconds / 5, request))
        syncs, cpu = server.counter("journal_syncs"), server.cpu_seconds()
        load = pool.apply(drive, (server.port, connections, seconds, request))
    per_sync = len(load.latencies) / max(1.0, server.counter("journal_syncs") - syncs)
    cpu_after = server.cpu_seconds()
    cost = f"{(cpu_after - cpu) / len(load.latencies) * 1e6:.0f}" if cpu is not None and cpu_after is not None else "?"
    tail = json.loads(server.ask("GET", f"/v1/streams/{stream}/records/tail"))["tail"]["seq_num"]
    if tail != len(warm.latencies) + len(load.latencies):
        raise SystemExit(f"{stream}: the tail is {tail}, yet {len(warm.latencies) + len(load.latencies)} were acked")
    reference = f"{S2_LITE[connections]:,}" if connections in S2_LITE else "-"
    return (
        f"{connections:>11}{load.rate:>12,.0f}{load.quantile(0.5):>10.2f}{load.quantile(0.99):>10.2f}"
        f"{per_sync:>15.1f}{cost:>14}{reference:>12}"
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


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, nargs="+", default=CONNECTIONS)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each load, after a warm-up of a fifth of that")
    parser.add_argument("--bytes", type=int, default=100, help="of a record's body")
    parser.add_argument("--directory", type=Path, help="a directory on the disk to measure (default: a temporary one)")
    parser.add_argument("--memory", action="store_true", help="run without a journal, to see what the disk costs")
    options = parser.parse_args(arguments)
    print(machine())
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        print(f"one sync alone takes {sync_latency(Path(directory)):.2f} ms (median) in {Path(directory).parent}")
        server = Server(None if options.memory else Path(directory) / "data")
        try:
            print(f"the server answers {server.start_seconds:.2f} s after its start; records of {options.bytes} bytes")
            print(
                f"{'connections':>11}{'appends/s':>12}{'p50 ms':>10}{'p99 ms':>10}"
                f"{'appends/sync':>15}{'server µs':>14}{'s2-lite':>12}"
            )
            for connections in options.connections:
                print(measure(server, connections, options.seconds, options.bytes), flush=True)
            print(f"peak memory of the server: {server.peak_memory()}")
        finally:
            server.stop()
    print("server µs: processor time of all threads of the server per append")
    print("s2-lite: appends/s of s2-lite 0.43, measured elsewhere on a machine of this kind, for reference")


if __name__ == "__main__":
    main()
