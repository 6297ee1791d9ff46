"""The connection below the client: what makes it unfit for another request, and how much of an answer it takes."""

from __future__ import annotations

import asyncio
import select

import pytest
import uvloop

from fencepost.harness.client import connection
from fencepost.harness.client.connection import Connection, ConnectionClosed
from fencepost.harness.world.network import SystemNetwork

from .scripted import DEADLINE, GOOD, Peer, ScriptedServer, chunked, replying, until

REQUEST = b"GET / HTTP/1.1\r\n\r\n"


async def connected(server: ScriptedServer) -> Connection:
    return await Connection.open(SystemNetwork(), "127.0.0.1", server.port, None)


async def exchange(connection: Connection, seconds: float = DEADLINE) -> tuple[int, bytes]:
    return await connection.exchange(REQUEST, asyncio.get_running_loop().time() + seconds)


@pytest.mark.parametrize("farewell", [b"", GOOD])
async def test_what_the_loop_has_not_seen_yet_makes_a_connection_stale(farewell: bytes) -> None:
    """The peer has ended it or spoken on it, and asyncio has had no turn to notice."""
    told = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(GOOD)
        await told.wait()
        if farewell:
            await peer.send(farewell)
        peer.fin()

    async with ScriptedServer(script) as server:
        used = await connected(server)
        assert (await exchange(used))[0] == 200
        assert await used.is_fresh()
        told.set()
        await asyncio.sleep(0)  # the server acts; asyncio does not look at the client's socket yet
        assert select.select([used._transport.get_extra_info("socket")], [], [], DEADLINE)[0]
        assert not used.closed
        assert not await used.is_fresh()
        used.abort()


@pytest.mark.parametrize("extra", [GOOD, b"HTTP/1.1 ", b"garbage"])
async def test_an_answer_with_something_behind_it_is_taken_and_the_connection_is_not_used_again(extra: bytes) -> None:
    async with ScriptedServer(replying(GOOD + extra)) as server:
        used = await connected(server)
        status, body = await exchange(used)
        assert (status, body) == (200, GOOD.partition(b"\r\n\r\n")[2])
        assert used.closed
        assert not await used.is_fresh()
        used.abort()


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 X\r\nx: ", b"y"),
        (b"", b"HTTP/1.1 103 X\r\n\r\n"),
        (b"HTTP/1.1 200 X\r\n\r\n", b"z"),
        (b"HTTP/1.1 200 X\r\ncontent-length: 99999999\r\n\r\n", b"z"),
    ],
    ids=["header", "interim answers", "body", "long body"],
)
async def test_an_endless_answer_is_not_read_on(head: bytes, piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ANSWER_LIMIT", 100_000)

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(head)
        while True:
            await peer.send(piece * 1000)

    async with ScriptedServer(script) as server:
        used = await connected(server)
        with pytest.raises(ConnectionClosed, match="with more than"):
            await exchange(used)
        assert used.closed
        await server.settled()


async def test_the_deadline_is_that_of_the_exchange_under_way() -> None:
    """One alarm serves many exchanges: an earlier one's, going off later, ends none, and a nearer deadline is kept."""

    async def script(peer: Peer) -> None:
        for _ in range(3):
            await peer.request()
            await peer.send(GOOD)
        await peer.request()
        await peer.some()

    async with ScriptedServer(script) as server:
        used = await connected(server)
        await exchange(used, 0.3)
        await asyncio.sleep(0.31)
        await exchange(used)
        await exchange(used, 0.3)
        begin = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            await exchange(used, 0.1)
        assert 0.09 < asyncio.get_running_loop().time() - begin < 5
        await server.settled()


async def test_a_reset_while_waiting_is_an_error() -> None:
    async def script(peer: Peer) -> None:
        await peer.some()
        peer.reset()

    async with ScriptedServer(script) as server:
        used = await connected(server)
        with pytest.raises(ConnectionResetError):
            await exchange(used)
        assert used.closed


def test_uvloop_will_do_as_well() -> None:
    """Its transports are of other types."""

    async def run() -> None:
        async with ScriptedServer(replying(chunked(200, b"one"))) as server:
            used = await connected(server)
            for _ in range(2):
                assert await used.is_fresh()
                assert await exchange(used) == (200, b"one")
            used.abort()
            await until(used._transport.is_closing)
            await server.settled()

    uvloop.run(run())
