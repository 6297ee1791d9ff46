"""Measures the HTTP client of the package that is first on the path: ``client_subject.py URL CLIENTS SECONDS``.

Prints operations per second and microseconds of processor time per operation. Uses only public names, so that it can
also measure an older commit.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

CALL_BYTES = 64


async def measure(make: Any, clients: int, seconds: float) -> tuple[float, float]:
    """Return operations per second, and microseconds of processor time per operation.

    ``make`` returns an object with ``operate`` and ``aclose``. It is called once per client.
    """
    identities = [make() for _ in range(clients)]
    await asyncio.gather(*(identity.operate() for identity in identities))  # opens the connections
    done = 0
    begin, processor = time.perf_counter(), time.process_time()

    async def run(identity: Any) -> None:
        nonlocal done
        while time.perf_counter() - begin < seconds:
            await identity.operate()
            done += 1

    await asyncio.gather(*map(run, identities))
    elapsed, used = time.perf_counter() - begin, time.process_time() - processor
    for identity in identities:
        await identity.aclose()
    return done / elapsed, used / done * 1e6


def main() -> None:
    """Measure, and print two numbers."""
    from fencepost import Append, HttpStreamClient, Ok, Record

    url, clients, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    call = Append((Record(b"x" * CALL_BYTES),), match_seq_num=4)

    class Ours:
        def __init__(self) -> None:
            self._client: Any = HttpStreamClient(url, "basin-one")
            self._perform = getattr(self._client, "perform", None) or self._client.append  # of an older tree

        async def operate(self) -> None:
            outcome = await self._perform("stream", call)
            if not isinstance(outcome, Ok):
                raise SystemExit(f"an append to the trivial server ended as {outcome}")

        async def aclose(self) -> None:
            await self._client.aclose()

    print(*asyncio.run(measure(Ours, clients, seconds)))


if __name__ == "__main__":
    main()
