"""The cost of the bundled server's journal: bytes on the disk, and the time of a start after ``kill -9``.

Clients in the same process append batches of ten records of 100 bytes to a journal on disk. Then the server starts
again on that journal. In the second row, one client trims the stream behind the newest records all the time, as a
consumer would. Both figures depend on the readable records, not on all records ever appended.

In the second table, a server process is killed with ``kill -9`` and started again on a journal with records of 1 KiB.
The time is wall-clock time from the start of the process to its first answer.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Final

from benchmarks.machine import machine
from benchmarks.servers import Bundled
from fencepost.harness.s2 import Append, Read, Record
from fencepost.harness.server.errors import StateMismatch
from fencepost.harness.server.service import Service
from fencepost.harness.server.storage import FileStorage
from fencepost.harness.world.world import real_world

AT: Final = ("bench-basin", "s")
CLIENTS: Final = 100
BATCH: Final = Append((Record(b"x" * 100),) * 10)
KILLED: Final = ((100_000, 1), (1_000_000, 10))
"""Records in the journal of a server that is killed, and per batch."""
KEPT: Final = 5000
"""The number of records that a trim leaves."""


async def started(directory: Path) -> Service:
    """Return a service, started on the journal in the directory."""
    world = real_world(seed=0)
    service = Service(FileStorage(directory, world.disk, world.random), world.clock.wall_ms)
    await service.start()
    return service


async def fill(directory: Path, batches: int, *, trimming: bool = False, batch: Append = BATCH) -> None:
    """Write a journal."""
    service = await started(directory)
    await service.ensure_basin(AT[0])
    await service.ensure_stream(*AT)

    async def client(trims: bool) -> None:
        for number in range(batches // CLIENTS):
            ack = await service.perform(*AT, batch)
            if trims and number % 20 == 0:
                await service.perform(*AT, Append((Record.trim(max(0, ack.end.seq_num - KEPT)),)))

    await asyncio.gather(*(client(trimming and number == 0) for number in range(CLIENTS)))
    await service.close()


async def readable(service: Service) -> int:
    """Return the number of readable records."""
    found, start = 0, 0
    while True:
        try:
            records = (await service.perform(*AT, Read(seq_num=start))).records
        except StateMismatch:
            return found
        found += len(records)
        start = records[-1].seq_num + 1


async def measure(batches: int, *, trimming: bool) -> str:
    """Measure one row of the table, and return it."""
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "data"
        await fill(data, batches, trimming=trimming)
        size = sum(path.stat().st_size for path in data.iterdir())
        began = process_time()
        service = await started(data)
        seconds = process_time() - began
        records = await readable(service)
        await service.close()
    return f"{'trimmed behind' if trimming else 'never trimmed':<16}{records:>18,}{size / 1e6:>13.1f}{seconds:>12.2f}"


def restart(records: int, size: int) -> str:
    """Measure one row of the table of kills, and return it."""
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "data"
        asyncio.run(fill(data, records // size, batch=Append((Record(b"x" * 1024),) * size)))
        Bundled(data).kill()
        server = Bundled(data)
        memory = server.memory(peak=True)
        server.stop()
    return f"{records:>12,}{size:>19}{server.start_seconds:>17.2f}{memory:>9.0f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=60_000, help="number of batches to append")
    options = parser.parse_args(arguments)
    print(machine())
    print(f"{options.batches:,} batches appended, {10 * options.batches:,} records")
    print(f"{'':<16}{'readable records':>18}{'MB on disk':>13}{'start, s':>12}")
    for trimming in (False, True):
        print(asyncio.run(measure(options.batches, trimming=trimming)), flush=True)
    print(f"\n{'records':>12}{'records per batch':>19}{'first answer, s':>17}{'peak MB':>9}")
    for records, size in KILLED:
        print(restart(records, size), flush=True)


if __name__ == "__main__":
    main()
