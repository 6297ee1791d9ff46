"""The program that :mod:`benchmarks.driver_rate` runs in a separate process, for this tree or an older one.

``python driver_subject.py WORKLOAD OPERATIONS`` prints microseconds of processor time per operation. A client encodes
each request as JSON, passes the bytes to the server's decoder, calls a service on storage in memory, and takes the
answer back through both codecs. In older trees the codecs have other names: see ``_before``.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec

from fencepost import WorkloadOptions
from fencepost.harness.client import wire
from fencepost.harness.history.events import SCHEMA, Header, StreamState
from fencepost.harness.history.recorder import Recorder
from fencepost.harness.registry import Registry
from fencepost.harness.scheduler import Scheduler
from fencepost.harness.server import errors
from fencepost.harness.server.service import Service
from fencepost.harness.server.storage import MemoryStorage

REFUSALS: Any = tuple(
    getattr(errors, name)
    for name in ("StateMismatch", "ConditionFailed", "RangeNotSatisfiable")  # two of them in older trees
    if hasattr(errors, name)
)
THREADS = 10
BASIN, STREAM = "basin-one", "stream"


class Codecs(NamedTuple):
    """The codecs of both sides of the wire."""

    encode_append: Any
    decode_append: Any
    encode_read: Any
    decode_read: Any
    encode_ack: Any
    encode_batch: Any
    encode_tail: Any
    form: Any


def _now() -> Codecs:
    from fencepost.harness.s2 import json_codec as codec
    from fencepost.harness.s2 import urls

    form = codec.Format.BASE64
    appends = codec.encode_append, codec.decode_append
    return Codecs(
        *appends, urls.encode_read, urls.decode_read, codec.encode_ack, codec.encode_batch, codec.encode_tail, form
    )


def _before() -> Any:
    """Return the codecs of trees without ``harness/s2``."""
    from importlib import import_module

    server = import_module("fencepost.harness.server.wire")
    client: Any = wire
    return Codecs(
        client.append_body,
        server.decode_append,
        lambda call: client.read_query(call).removeprefix(b"?"),
        server.decode_read,
        server.encode_ack,
        server.encode_batch,
        server.encode_tail,
        server.Format.BASE64,
    )


class CodecClient:
    """A client that encodes and decodes everything, but uses no sockets."""

    def __init__(self, service: Service, codecs: Codecs) -> None:
        self._codecs = codecs
        # Services of older trees have a method for each kind of call.
        self._perform: Any = getattr(service, "perform", None)
        self._append, self._read = (getattr(service, name, self._perform) for name in ("append", "read"))
        self._check_tail: Any = getattr(service, "check_tail", None)

    def perform(self, stream: str, call: Any) -> Any:
        """Make one call of any kind. Older trees call the method of each kind."""
        return getattr(self, {"Append": "append", "Read": "read", "CheckTail": "check_tail"}[type(call).__name__])(
            stream, call
        )

    async def append(self, stream: str, call: Any) -> Any:
        codecs = self._codecs
        batch = codecs.decode_append(codecs.encode_append(call), codecs.form)
        try:
            ack = await self._append(BASIN, stream, batch)
        except REFUSALS as refusal:
            return wire.conclude(wire.APPEND, 412, msgspec.json.encode(refusal.body))
        return wire.conclude(wire.APPEND, 200, codecs.encode_ack(ack))

    async def read(self, stream: str, call: Any) -> Any:
        codecs = self._codecs
        query = codecs.decode_read(codecs.encode_read(call).removeprefix(b"?"))
        try:
            batch = await self._read(BASIN, stream, query)
        except REFUSALS as refusal:
            body = getattr(refusal, "body", None) or {"tail": msgspec.to_builtins(refusal.tail)}
            return wire.conclude(wire.READ, 416, msgspec.json.encode(body))
        return wire.conclude(wire.READ, 200, codecs.encode_batch(batch, codecs.form))

    async def check_tail(self, stream: str, call: Any) -> Any:
        tail = (
            await self._check_tail(BASIN, stream)
            if self._check_tail
            else (await self._perform(BASIN, stream, call)).tail
        )
        return wire.conclude(wire.CHECK_TAIL, 200, self._codecs.encode_tail(tail))

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""


async def measure(workload: str, operations: int) -> float:
    """Return microseconds of processor time per operation."""
    old = find_spec("fencepost.harness.s2") is None
    codecs = _before() if old else _now()
    service = Service(MemoryStorage(), lambda: time.time_ns() // 1_000_000)
    await service.start()
    await service.ensure_basin(BASIN)
    await service.ensure_stream(BASIN, STREAM)
    zero = time.monotonic_ns()

    def clock() -> int:
        return time.monotonic_ns() - zero

    randomness: Any = {"seed": 1} if old else {"streams": lambda *names: Random(repr(names))}
    generator = Registry[Any]("fencepost.workloads", "workload").make(workload)
    options = WorkloadOptions((STREAM,), THREADS, 1, operations=operations)
    with tempfile.TemporaryDirectory() as folder:
        header = Header(SCHEMA, "0", workload, 1, "2026-01-01T00:00:00+00:00", [StreamState(STREAM)])
        recorder = Recorder(Path(folder) / "history.jsonl", header, clock)
        connect: Any = lambda: CodecClient(service, codecs)  # noqa: E731
        scheduler = Scheduler(recorder, connect, clock, threads=THREADS, timeout=5.0, **randomness)
        begin = time.process_time()
        await scheduler.run(generator.generator(options), asyncio.Event())
        used = time.process_time() - begin
        recorder.close()
    await service.close()
    assert scheduler.completed == operations
    return used / operations * 1e6


if __name__ == "__main__":
    print(asyncio.run(measure(sys.argv[1], int(sys.argv[2]))))
