"""Megabytes per second that one client reads: by a read session, and page by page over one connection.

The stream has 64 MB in records of 1,000 bytes. A raw client in a separate process reads all of it, again and again. It
looks at the frames' heads but decodes no records. A page is a unary read of 1 MiB in protobuf or in JSON (base64).
"""

from __future__ import annotations

import argparse
import http.client
import json
import tempfile
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Final

from benchmarks.machine import machine
from benchmarks.raw_session import RawSession
from benchmarks.server_sessions import HEADERS, frame_of, records_of, whole_frames
from benchmarks.servers import BASIN, Server, about_s2_lite, kinds, running
from fencepost.harness.s2 import Append, Record, protobuf

BATCHES: Final = 64
RECORDS: Final = 1000
"""Records per batch, of so many bytes each."""
STREAM: Final = "read"


def fill(server: Server) -> None:
    """Append the records."""
    server.create(STREAM)
    session = RawSession(server.port, "POST", records_of(STREAM), HEADERS)
    content = frame_of(Append((Record(b"x" * RECORDS),) * RECORDS)) * BATCHES
    while content:
        content = content[session.send(content) :]
        if content:
            session.receive()
    session.end()
    while not session.ended:
        session.receive()


def by_session(port: int) -> int:
    """Read the stream in a session. Return the number of bytes that came."""
    session = RawSession(port, "GET", f"{records_of(STREAM)}?seq_num=0&count={BATCHES * RECORDS}", HEADERS)
    size, rest = 0, b""
    while not session.ended:
        data = session.receive()
        size += len(data)
        rest, _ = whole_frames(rest + data)
    return size


def _by_pages(port: int, accept: str, last: Callable[[bytes], int]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    start = size = 0
    while start < BATCHES * RECORDS:
        headers = {"s2-basin": BASIN, "s2-format": "base64", "accept": accept}
        connection.request("GET", f"{records_of(STREAM)}?seq_num={start}", headers=headers)
        body = connection.getresponse().read()
        size += len(body)
        start += last(body)
    return size


def by_protobuf_pages(port: int) -> int:
    """Read the stream page by page. Return the number of bytes that came."""
    return _by_pages(port, "application/protobuf", lambda body: len(protobuf.decode_batch(body).records))


def by_json_pages(port: int) -> int:
    """Read the stream page by page. Return the number of bytes that came."""
    return _by_pages(port, "application/json", lambda body: len(json.loads(body)["records"]))


WAYS: Final = {
    "session": by_session,
    "pages, protobuf": by_protobuf_pages,
    "pages, JSON": by_json_pages,
}


def again(way: str, port: int, seconds: float) -> float:
    """Read the whole stream as often as takes ``seconds``. Return the megabytes of records per second."""
    began = perf_counter()
    times = 0
    while perf_counter() - began < seconds:
        if WAYS[way](port) < BATCHES * RECORDS * RECORDS:
            raise SystemExit(f"{way}: some records did not come")
        times += 1
    return times * BATCHES * RECORDS * RECORDS / (perf_counter() - began) / 1e6


def measure(server: Server, way: str, seconds: float) -> str:
    """Measure one row of the table, and return it."""
    with get_context("spawn").Pool(1) as pool:
        cpu = server.cpu_seconds()
        began = perf_counter()
        rate = pool.apply(again, (way, server.port, seconds))
        elapsed, spent = perf_counter() - began, server.cpu_seconds()
    cost = f"{(spent - cpu) / (rate * elapsed) * 1e3:.1f}" if cpu is not None and spent is not None else "?"
    return f"{server.name:<12}{way:<17}{rate:>8.0f}{cost:>17}{server.memory(peak=True):>9.0f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each way, at least")
    options = parser.parse_args(arguments)
    print(machine())
    print(f"{'':<12}{'':<17}{'MB/s':>8}{'server ms per MB':>17}{'peak MB':>9}")
    with tempfile.TemporaryDirectory() as directory:
        for kind in kinds():
            with running(kind, Path(directory)) as server:
                fill(server)
                for way in WAYS:
                    print(measure(server, way, options.seconds), flush=True)
    print(about_s2_lite())


if __name__ == "__main__":
    main()
