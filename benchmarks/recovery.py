"""The cost of the bundled server's journal: bytes on the disk, and processor time of a start.

Clients in the same process append batches of ten records of 100 bytes to a journal on disk. Then the server starts
again on that journal. In the second row, one client trims the stream behind the newest records all the time, as a
consumer would. Both figures depend on the readable records, not on all records ever appended.
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
from fencepost.harness.s2 import Append, Read, Record
from fencepost.harness.server.errors import StateMismatch
from fencepost.harness.server.service import Service
from fencepost.harness.server.storage import FileStorage
from fencepost.harness.world.world import real_world

AT: Final = ("bench-basin", "s")
CLIENTS: Final = 100
BATCH: Final = Append(tuple(Record(b"x" * 100) for _ in range(10)))
KEPT: Final = 5000
"""The number of records that a trim leaves."""


async def started(directory: Path) -> Service:
    """Return a service, started on the journal in the directory."""
    world = real_world(seed=0)
    service = Service(FileStorage(directory, world.disk, world.random), world.clock.wall_ms)
    await service.start()
    return service


async def fill(directory: Path, batches: int, *, trimming: bool) -> None:
    """Write a journal."""
    service = await started(directory)
    await service.ensure_basin(AT[0])
    await service.ensure_stream(*AT)

    async def client(trims: bool) -> None:
        for number in range(batches // CLIENTS):
            ack = await service.perform(*AT, BATCH)
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


if __name__ == "__main__":
    main()
