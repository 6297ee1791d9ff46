"""Appends per second of one pipelined append session, and the latency of a follower.

A raw load generator in a separate process sends frames that were encoded before. It keeps a number of batches without
acks, of one record or many, on one connection. The server's data is on disk. Afterwards the stream must have exactly
the acknowledged records. For the latency, records are appended at a fixed rate, each with the time at which it was
sent, and a read session on another connection follows them.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, perf_counter_ns, sleep
from typing import Final

from benchmarks.machine import machine
from benchmarks.raw_session import RawSession
from benchmarks.servers import BASIN, Server, about_s2_lite, kinds, running
from benchmarks.unary import sync_latency
from fencepost.harness.s2 import Append, Record, protobuf
from fencepost.harness.s2.frames import FrameDecoder, Message, Terminal, encode_message

SIZES: Final = ((1, 100), (10, 100), (100, 1000), (1000, 1000))
"""Records per batch, and bytes per record."""
HEADERS: Final = (("s2-basin", BASIN), ("content-type", "s2s/proto"))
SEND: Final = 64 << 10
"""Bytes that are sent at a time, about."""
RATE: Final = 200
"""Records per second that the follower follows."""
UNACKED: Final = 5 << 20
"""The most bytes without acks, as in the official SDKs."""


def records_of(stream: str) -> str:
    """Return the path of a stream's records."""
    return f"/v1/streams/{stream}/records"


def drive(port: int, stream: str, frame: bytes, window: int, seconds: float) -> tuple[int, float]:
    """Keep up to ``window`` batches without acks for ``seconds``. Return the number of acks, and the seconds."""
    window = max(1, min(window, UNACKED // len(frame)))
    session = RawSession(port, "POST", records_of(stream), HEADERS)
    group = max(1, min(window // 8, SEND // len(frame)))
    content = frame * group
    sent = acked = 0
    unsent = rest = b""
    began = perf_counter()
    until = began + seconds
    while True:
        while session.room and (unsent or (sent + group - acked <= window and perf_counter() < until)):
            if not unsent:
                unsent = content
                sent += group
            unsent = unsent[session.send(unsent) :]
        if acked == sent and perf_counter() >= until:
            break
        rest, count = whole_frames(rest + session.receive())
        acked += count
    elapsed = perf_counter() - began
    session.end()
    while not session.ended:
        session.receive()
    return acked, elapsed


def whole_frames(data: bytes) -> tuple[bytes, int]:
    """Count the frames in data, and return what follows them and their number."""
    at = count = 0
    size = len(data)
    while size - at > 3:
        end = at + 3 + int.from_bytes(data[at : at + 3], "big")
        if end > size:
            break
        if data[at + 3] & 0x80:
            raise SystemExit(f"the session failed: {data[at:end]!r}")
        at = end
        count += 1
    return data[at:], count


def follow(port: int, stream: str, count: int) -> list[int]:
    """Read ``count`` records, and return how long each was under way, in nanoseconds."""
    session = RawSession(port, "GET", f"{records_of(stream)}?seq_num=0", HEADERS)
    decoder = FrameDecoder()
    found: list[int] = []
    while len(found) < count:
        data = session.receive()
        now = perf_counter_ns()
        for frame in decoder.feed(data):
            if isinstance(frame, Terminal):
                raise SystemExit(f"the session failed: {frame}")
            found += [now - int(record.body) for record in protobuf.decode_batch(frame.body).records]
    return found


def write(port: int, stream: str, count: int, rate: float) -> None:
    """Append ``count`` records at a rate (per second), each with the time at which it is sent."""
    session = RawSession(port, "POST", records_of(stream), HEADERS)
    due = perf_counter()
    for _ in range(count):
        due += 1 / rate
        sleep(max(0.0, due - perf_counter()))
        session.send(frame_of(Append((Record(b"%d" % perf_counter_ns()),))))
    session.end()
    while not session.ended:
        session.receive()


def frame_of(batch: Append) -> bytes:
    """Return the frame of a batch."""
    return encode_message(Message(protobuf.encode_append(batch)))


def measure(server: Server, records: int, size: int, window: int, seconds: float) -> str:
    """Measure one row of the table on a new stream, and return it."""
    stream = f"load-{records}-{size}"
    server.create(stream)
    frame = frame_of(Append((Record(b"x" * size),) * records))
    with get_context("spawn").Pool(1) as pool:
        warm, _ = pool.apply(drive, (server.port, stream, frame, window, seconds / 5))
        syncs, cpu = server.syncs(), server.cpu_seconds()
        count, elapsed = pool.apply(drive, (server.port, stream, frame, window, seconds))
    synced, spent = server.syncs(), server.cpu_seconds()
    per_sync = "" if syncs is None or not synced or synced == syncs else f"{count / (synced - syncs):.1f}"
    cost = f"{(spent - cpu) / count * 1e6:.0f}" if cpu is not None and spent is not None else "?"
    if server.tail(stream) != (warm + count) * records:
        raise SystemExit(f"{stream}: the tail is {server.tail(stream)}, not {(warm + count) * records} as acknowledged")
    megabytes = count * records * size / elapsed / 1e6
    return (
        f"{server.name:<12}{records:>7}{size:>7}{count / elapsed:>12,.0f}{megabytes:>9.1f}{per_sync:>10}{cost:>11}"
        f"{server.memory(peak=True):>9.0f}"
    )


def latency(server: Server, count: int, rate: float) -> str:
    """Measure the latency of a follower, and return a line about it."""
    server.create("followed")
    with get_context("spawn").Pool(2) as pool:
        following = pool.apply_async(follow, (server.port, "followed", count))
        pool.apply(write, (server.port, "followed", count, rate))
        times = sorted(following.get(timeout=60))
    half, most = statistics.median(times) / 1e6, times[int(len(times) * 0.99)] / 1e6
    return f"{server.name:<12}{half:>10.2f}{most:>9.2f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each load, after a warm-up of a fifth of that")
    parser.add_argument("--window", type=int, default=4000, help="batches without acks")
    parser.add_argument("--directory", type=Path, help="a directory on the disk to measure (default: a temporary one)")
    parser.add_argument("--memory", action="store_true", help="run without a disk, to see what it costs")
    options = parser.parse_args(arguments)
    print(machine())
    latencies = []
    with tempfile.TemporaryDirectory(dir=options.directory) as name:
        directory = Path(name)
        print(f"one sync alone takes {sync_latency(directory):.2f} ms (median) in {directory.parent}")
        print(f"one session, up to {options.window:,} batches or {UNACKED >> 20} MiB without acks")
        print(f"{'':<12}records  bytes   appends/s     MB/s  per sync  server µs  peak MB")
        for kind in kinds():
            with running(kind, directory, memory=options.memory) as server:
                latencies.append(latency(server, 600, RATE))
                for records, size in SIZES:
                    print(measure(server, records, size, options.window, options.seconds), flush=True)
    print("server µs: processor time of all threads of the server per append")
    print(f"\nfollower at {RATE} records/s, from the writer's send to its receipt")
    print(f"{'':<12}    p50 ms   p99 ms", *latencies, sep="\n")
    print(about_s2_lite())


if __name__ == "__main__":
    main()
