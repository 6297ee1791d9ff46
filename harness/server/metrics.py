"""The server's counters, and their export to Prometheus.

The counters are plain integers, because each request increments several of them. Only the first scrape imports
prometheus_client, and it does so in a thread, because the import takes a third of a second.
"""

from __future__ import annotations

import asyncio
import importlib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ..world.clock import Clock
from .storage import Frame, Storage, Survivors

if TYPE_CHECKING:
    from prometheus_client.core import Metric

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"
LATENCY_BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


class Latencies:
    """A histogram of durations in seconds."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(LATENCY_BOUNDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration (seconds)."""
        self.counts[bisect_left(LATENCY_BOUNDS, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Return cumulative counts by upper bound, as Prometheus expects them."""
        cumulative, buckets = 0, []
        for bound, count in zip((*map(str, LATENCY_BOUNDS), "+Inf"), self.counts, strict=True):
            cumulative += count
            buckets.append((bound, float(cumulative)))
        return buckets


class MeteredStorage:
    """A storage that counts what is written to it. Each group of entries is one write and one sync."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._monotonic_ns = clock.monotonic_ns
        self.groups = 0
        self.entries = 0
        self.bytes = 0
        self.seconds = 0.0

    @property
    def name(self) -> str:
        """See :class:`Storage`."""
        return self._storage.name

    @property
    def segments(self) -> Mapping[int, int]:
        """See :class:`Storage`."""
        return self._storage.segments

    @property
    def segment_bytes(self) -> int:
        """See :class:`Storage`."""
        return self._storage.segment_bytes

    def place(self, frame: Frame) -> str:
        """See :class:`Storage`."""
        return self._storage.place(frame)

    def recover(self, survivors: Survivors = iter) -> Iterator[Frame]:
        """See :class:`Storage`."""
        return self._storage.recover(survivors)

    async def write(self, entries: Sequence[bytes]) -> None:
        """See :class:`Storage`."""
        began = self._monotonic_ns()
        await self._storage.write(entries)
        self._count(entries, began)

    async def begin_segment(self, entries: Sequence[bytes], unneeded: Collection[int]) -> None:
        """See :class:`Storage`."""
        began = self._monotonic_ns()
        await self._storage.begin_segment(entries, unneeded)
        self._count(entries, began)

    def _count(self, entries: Sequence[bytes], began: int) -> None:
        self.seconds += (self._monotonic_ns() - began) / 1e9
        self.groups += 1
        self.entries += len(entries)
        self.bytes += sum(map(len, entries))

    def close(self) -> None:
        """See :class:`Storage`."""
        self._storage.close()

    def counters(self) -> dict[str, tuple[float, str]]:
        """Return the value and the meaning of each counter."""
        return {
            "syncs": (self.groups, "Groups of entries made durable, with one sync each."),
            "entries": (self.entries, "Entries made durable: a batch of records is one."),
            "bytes": (self.bytes, "Bytes of these entries, without framing."),
            "sync_seconds": (self.seconds, "Time spent writing and syncing them."),
        }


class Metrics:
    """The counters of one server, and those of the ``storage`` of its journal, if it has one."""

    def __init__(self, storage: MeteredStorage | None = None) -> None:
        self.requests: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.latencies: defaultdict[str, Latencies] = defaultdict(Latencies)
        self.in_flight = 0
        self.appended_batches = 0
        self.appended_records = 0
        self.appended_bytes = 0
        self._storage = storage

    def finish(self, operation: str, status: int, seconds: float) -> None:
        """Count an answered request. ``seconds`` is the time that it took."""
        self.requests[operation, status] += 1
        self.latencies[operation].observe(seconds)

    def appended(self, records: int, body_bytes: int) -> None:
        """Count an acknowledged batch: its records, and the bytes of its request body, decompressed."""
        self.appended_batches += 1
        self.appended_records += records
        self.appended_bytes += body_bytes

    async def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        prometheus: Any = await asyncio.to_thread(importlib.import_module, "prometheus_client")
        registry = prometheus.CollectorRegistry(auto_describe=False)
        registry.register(self)
        text: bytes = prometheus.generate_latest(registry)
        return text

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics, as prometheus_client's collector protocol requires."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        requests = CounterMetricFamily(
            "fencepost_requests", "Requests answered, by operation and HTTP status.", labels=["operation", "status"]
        )
        for (operation, status), count in sorted(self.requests.items()):
            requests.add_metric([operation, str(status)], count)
        yield requests
        seconds = HistogramMetricFamily(
            "fencepost_request_seconds", "Time from a request's head to its answer, by operation.", labels=["operation"]
        )
        for operation, latencies in sorted(self.latencies.items()):
            seconds.add_metric([operation], latencies.buckets(), latencies.total)
        yield seconds
        yield GaugeMetricFamily("fencepost_requests_in_flight", "Requests not answered yet.", self.in_flight)
        yield CounterMetricFamily("fencepost_appended_batches", "Batches acknowledged.", self.appended_batches)
        yield CounterMetricFamily("fencepost_appended_records", "Records acknowledged.", self.appended_records)
        yield CounterMetricFamily(
            "fencepost_appended_bytes",
            "Request body bytes of acknowledged batches, decompressed.",
            self.appended_bytes,
        )
        for name, (value, meaning) in (self._storage.counters() if self._storage else {}).items():
            yield CounterMetricFamily(f"fencepost_journal_{name}", meaning, value)
