"""The HTTP client on a network in memory: no socket is needed for any of its promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from fencepost.harness.client.http import HttpStreamClient
from fencepost.harness.client.outcome import Definite, Indefinite, Ok
from fencepost.harness.s2 import CheckTail, Position, Tail
from fencepost.harness.world.memory_network import MemoryNetwork

BODY = b'{"tail":{"seq_num":7,"timestamp":9}}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)


class Service(asyncio.Protocol):
    """Answers every request with the same tail, or never."""

    asked = 0
    silent = False
    heard: asyncio.Event

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        type(self).asked += 1
        self.heard.set()
        if not self.silent:
            self.transport.write(ANSWER)


@pytest.fixture
async def network() -> MemoryNetwork:
    Service.asked, Service.silent, Service.heard = 0, False, asyncio.Event()
    return MemoryNetwork()


@pytest.fixture
async def client(network: MemoryNetwork) -> AsyncIterator[HttpStreamClient]:
    listener = network.bind("127.0.0.1", 0)
    await listener.serve(Service)
    url = f"http://127.0.0.1:{listener.address[1]}"
    client = HttpStreamClient(url, "basin-in-memory", timeout=1.0, network=network)
    yield client
    await client.aclose()


async def test_it_is_answered(client: HttpStreamClient) -> None:
    for _ in range(3):
        assert await client.perform("s", CheckTail()) == Ok(Tail(Position(7, 9)))
    assert Service.asked == 3


async def test_a_refused_connection_is_definite(network: MemoryNetwork, client: HttpStreamClient) -> None:
    network.refusing = True
    outcome = await client.perform("s", CheckTail())
    assert isinstance(outcome, Definite)
    assert outcome.code == "not_sent"
    assert not Service.asked


async def test_a_reset_after_the_request_left_is_indefinite(network: MemoryNetwork, client: HttpStreamClient) -> None:
    Service.silent = True
    asking = asyncio.create_task(client.perform("s", CheckTail()))
    await asyncio.wait_for(Service.heard.wait(), 5)
    network.reset()
    assert isinstance(await asking, Indefinite)


async def test_a_connection_that_was_reset_while_idle_is_replaced(
    network: MemoryNetwork, client: HttpStreamClient
) -> None:
    await client.perform("s", CheckTail())
    network.reset()
    assert isinstance(await client.perform("s", CheckTail()), Ok)
    assert Service.asked == 2
