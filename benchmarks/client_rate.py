"""Operations per second of the HTTP client alone at 1, 10 and 50 clients, beside httpcore and httpx.

The server is a process of its own that answers every request with the same bytes, so the client is what is
measured: appends of one record of 64 bytes, each on its identity's own connection. The processor time is the
client's.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final, Protocol

import httpcore
import httpx

from benchmarks.machine import machine
from fencepost.harness.client import wire
from fencepost.harness.client.http import HttpStreamClient
from fencepost.harness.client.outcome import Ok
from fencepost.harness.s2 import Append, Record, json_codec

CLIENTS: Final = (1, 10, 50)
CALL: Final = Append((Record(b"x" * 64),), match_seq_num=4)

HEADERS: Final = {"s2-format": "base64", "s2-basin": "basin-one", "content-type": "application/json"}

SERVER: Final = r"""
import asyncio, re

BODY = (b'{"start":{"seq_num":4,"timestamp":1000},"end":{"seq_num":5,"timestamp":1000},'
        b'"tail":{"seq_num":5,"timestamp":1000}}')
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)

class Same(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.unread = transport, b""

    def data_received(self, data):
        self.unread += data
        while (end := self.unread.find(b"\r\n\r\n")) >= 0:
            length = LENGTH.search(self.unread, 0, end)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self.unread) < whole:
                return
            self.unread = self.unread[whole:]
            self.transport.write(ANSWER)

async def main():
    server = await asyncio.get_running_loop().create_server(Same, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


class Identity(Protocol):
    """One client, as it is measured."""

    async def operate(self) -> None: ...

    async def aclose(self) -> None: ...


class Ours:
    """This package's client."""

    def __init__(self, url: str) -> None:
        self._client = HttpStreamClient(url, "basin-one")

    async def operate(self) -> None:
        outcome = await self._client.append("stream", CALL)
        if not isinstance(outcome, Ok):
            raise SystemExit(f"an append to the trivial server ended as {outcome}")

    async def aclose(self) -> None:
        await self._client.aclose()


class Httpcore:
    """The same exchange through httpcore, the engine inside httpx."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/v1/streams/stream/records"
        self._pool = httpcore.AsyncConnectionPool(max_connections=1)

    async def operate(self) -> None:
        async with asyncio.timeout(5):
            answer = await self._pool.request(
                "POST", self._url, headers=HEADERS, content=json_codec.encode_append(CALL)
            )
        wire.conclude(wire.APPEND, answer.status, answer.content)

    async def aclose(self) -> None:
        await self._pool.aclose()


class Httpx:
    """The same exchange through httpx, with the same encoding and time-out and one AsyncClient an identity."""

    def __init__(self, url: str) -> None:
        self._url = httpx.URL(f"{url}/v1/streams/stream/records")
        self._client = httpx.AsyncClient(
            trust_env=False,
            timeout=None,  # the whole operation is bounded below
            limits=httpx.Limits(max_connections=1),
            headers=HEADERS,
        )

    async def operate(self) -> None:
        async with asyncio.timeout(5):
            answer = await self._client.post(self._url, content=json_codec.encode_append(CALL))
        wire.conclude(wire.APPEND, answer.status_code, answer.content)

    async def aclose(self) -> None:
        await self._client.aclose()


async def measure(make: Callable[[str], Identity], url: str, clients: int, seconds: float) -> tuple[float, float]:
    """Operations a second, and microseconds of processor time an operation."""
    identities = [make(url) for _ in range(clients)]
    await asyncio.gather(*(identity.operate() for identity in identities))  # connects
    done = 0
    begin, processor = time.perf_counter(), time.process_time()

    async def run(identity: Identity) -> None:
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
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    seconds = parser.parse_args().seconds
    print(machine())
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        print(f"{'client':<12}{'clients':>8}{'operations/s':>14}{'CPU per operation':>20}")
        makers: list[tuple[str, Callable[[str], Identity]]] = [
            ("fencepost", Ours),
            ("httpcore", Httpcore),
            ("httpx", Httpx),
        ]
        for clients in CLIENTS:
            for name, make in makers:
                rate, used = asyncio.run(measure(make, url, clients, seconds))
                print(f"{name:<12}{clients:>8}{rate:>14,.0f}{used:>17,.0f} µs", flush=True)
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
