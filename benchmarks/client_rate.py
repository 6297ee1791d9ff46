"""Operations per second of the HTTP client alone, at 1, 10 and 50 clients, beside an older commit, httpcore and httpx.

The server is a separate process that answers every request with the same bytes, so the client dominates. The requests
are appends of one record of 64 bytes, and each client has its own connection. The processor time is the client's.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import httpcore
import httpx

from benchmarks.client_subject import CALL_BYTES, measure
from benchmarks.machine import machine
from benchmarks.older import BEFORE, ROOT, environment, unpack
from fencepost import Append, Record
from fencepost.harness.client import wire
from fencepost.harness.s2 import json_codec

SUBJECT: Final = Path(__file__).with_name("client_subject.py")
CLIENTS: Final = (1, 10, 50)
CALL: Final = Append((Record(b"x" * CALL_BYTES),), match_seq_num=4)

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
    """The same exchange through httpx, with the same encoding and time-out, and one AsyncClient per client."""

    def __init__(self, url: str) -> None:
        self._url = httpx.URL(f"{url}/v1/streams/stream/records")
        self._client = httpx.AsyncClient(
            trust_env=False,
            timeout=None,  # operate() bounds the whole operation
            limits=httpx.Limits(max_connections=1),
            headers=HEADERS,
        )

    async def operate(self) -> None:
        async with asyncio.timeout(5):
            answer = await self._client.post(self._url, content=json_codec.encode_append(CALL))
        wire.conclude(wire.APPEND, answer.status_code, answer.content)

    async def aclose(self) -> None:
        await self._client.aclose()


def ours(source: Path, url: str, clients: int, seconds: float) -> tuple[float, float]:
    """Return the figures of the client of the package at ``source``, measured in its own process."""
    command = [sys.executable, str(SUBJECT), url, str(clients), str(seconds)]
    told = subprocess.run(command, env=environment(source), check=True, capture_output=True, text=True).stdout
    rate, used = map(float, told.split())
    return rate, used


def theirs(make: Callable[[str], object], url: str, clients: int, seconds: float) -> tuple[float, float]:
    """Return the figures of the same exchange through a library."""
    return asyncio.run(measure(partial(make, url), clients, seconds))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--against", default=BEFORE, help="the older commit")
    given = parser.parse_args()
    print(machine())
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        print(f"{'client':<12}{'clients':>8}{'operations/s':>14}{'CPU per operation':>20}")
        with tempfile.TemporaryDirectory() as folder:
            subjects = {
                "fencepost": partial(ours, ROOT / "src"),
                given.against: partial(ours, unpack(given.against, Path(folder))),
                "httpcore": partial(theirs, Httpcore),
                "httpx": partial(theirs, Httpx),
            }
            for clients in CLIENTS:
                for name, subject in subjects.items():
                    rate, used = subject(url, clients, given.seconds)
                    print(f"{name:<12}{clients:>8}{rate:>14,.0f}{used:>17,.0f} µs", flush=True)
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
