"""Processor time of one request to the bundled server, without sockets and disk, and of its codecs alone.

The application is called as an HTTP server would call it. The time covers routing, JSON, the state machine and the
journal's entries, in memory. Sessions use protobuf. Each figure is the best of several rounds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from benchmarks.machine import machine
from fencepost.harness.s2 import Append, Batch, Record, SequencedRecord, json_codec, protobuf
from fencepost.harness.s2.json_codec import Format
from fencepost.harness.server.app import App
from fencepost.harness.server.metrics import Metrics
from fencepost.harness.server.service import Service
from fencepost.harness.server.storage import MemoryStorage
from fencepost.harness.world.clock import SystemClock

ROUNDS: Final = 5
OPERATIONS: Final = 10_000
"""Records per round, in requests of one size."""

BASIN, PATH = "bench-basin", b"/v1/streams/s/records"
BODY: Final = b"x" * 100


async def best(call: Callable[[], Awaitable[None]], count: int) -> float:
    """Return microseconds of processor time per call."""
    found = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(count):
            await call()
        found = min(found, (time.process_time() - began) / count * 1e6)
    return found


async def requests(size: int) -> tuple[float, float]:
    """Return the cost of an append of ``size`` records and of a read of as many, on a new stream."""
    clock = SystemClock()
    service = Service(MemoryStorage(), clock.wall_ms)
    await service.start()
    await service.ensure_basin(BASIN)
    await service.ensure_stream(BASIN, "s")
    app = App(service, Metrics(), clock)
    body = json_codec.encode_append(Append((Record(BODY),) * size))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise SystemExit(f"answered {message['status']}")

    def asking(method: str, query: bytes = b"") -> Callable[[], Awaitable[None]]:
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "raw_path": PATH,
            "query_string": query,
            "headers": [
                (b"host", b"bench"),
                (b"s2-basin", BASIN.encode()),
                (b"s2-format", b"base64"),
                (b"content-type", b"application/json"),
            ],
        }
        return lambda: app(scope, receive, send)

    count = max(1, OPERATIONS // size)
    append = await best(asking("POST"), count)
    read = await best(asking("GET", b"seq_num=0&count=%d" % size), count)
    await service.close()
    return append, read


async def codecs(size: int) -> list[float]:
    """Return the cost of decoding an append and encoding a batch of ``size`` records, in JSON and in protobuf."""
    call = Append((Record(BODY),) * size)
    batch = Batch(tuple(SequencedRecord(number, 1_700_000_000_000, (), BODY) for number in range(size)))
    json_body, proto_body = json_codec.encode_append(call), protobuf.encode_append(call)
    cases: list[Callable[[], object]] = [
        lambda: json_codec.decode_append(json_body, Format.BASE64),
        lambda: protobuf.decode_append(proto_body),
        lambda: json_codec.encode_batch(batch, Format.BASE64),
        lambda: protobuf.encode_batch(batch),
    ]

    async def once(case: Callable[[], object]) -> None:
        case()

    return [await best(lambda case=case: once(case), max(1, OPERATIONS // size)) for case in cases]  # type: ignore[misc]


async def measured() -> None:
    """Print the table."""
    print(machine())
    print("µs of processor time; records of 100 bytes")
    print("             ---- whole request ----   -- decode append --   -- encode batch --")
    print("records         append        read       JSON   protobuf       JSON   protobuf")
    for size in (1, 10, 1000):
        whole, parts = await requests(size), await codecs(size)
        print(f"{size:>7}{whole[0]:>15.1f}{whole[1]:>12.1f}" + "".join(f"{part:>11.1f}" for part in parts))


if __name__ == "__main__":
    asyncio.run(measured())
