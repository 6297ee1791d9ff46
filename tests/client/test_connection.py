"""The connection below the client: what it sends, when it looks, and how it holds a flood back."""

from __future__ import annotations

import asyncio
import select

import httpcore
import pytest
import uvloop

from fencepost.harness.client.connection import UNREAD_LIMIT, Backend, Stream

from .scripted import DEADLINE, Peer, ScriptedServer, until


async def connected(server: ScriptedServer) -> Stream:
    stream = await Backend().connect_tcp("127.0.0.1", server.port)
    assert isinstance(stream, Stream)
    return stream


async def test_what_is_written_leaves_in_one_piece_with_the_next_read() -> None:
    pieces: list[bytes] = []

    async def script(peer: Peer) -> None:
        while data := await peer.some():
            pieces.append(data)
            await peer.send(b"ok")

    async with ScriptedServer(script) as server:
        stream = await connected(server)
        await stream.write(b"head")
        await stream.write(b"")
        await stream.write(b"body")
        assert stream.sent_bytes == 0
        assert await stream.read(10) == b"ok"
        assert stream.sent_bytes == 8
        await stream.aclose()
        await server.settled()
    assert pieces == [b"headbody"]


@pytest.mark.parametrize("farewell", [b"", b"408"])
async def test_nothing_is_sent_on_a_used_connection_that_the_peer_ended_or_spoke_on(farewell: bytes) -> None:
    told = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.send(await peer.some())
        await told.wait()
        if farewell:
            await peer.send(farewell)
        peer.fin()

    async with ScriptedServer(script) as server:
        stream = await connected(server)
        await stream.write(b"first")
        assert await stream.read(10) == b"first"
        told.set()
        await asyncio.sleep(0)  # the server acts; asyncio does not look at the client's socket yet
        assert select.select([stream.get_extra_info("socket")], [], [], DEADLINE)[0]
        assert not stream._ended
        await stream.write(b"second")
        assert await stream.read(10) == b""
        assert stream.sent_bytes == len(b"first")
        await stream.aclose()


async def test_a_flood_is_held_back_until_it_is_read() -> None:
    total = 32 * UNREAD_LIMIT

    async def script(peer: Peer) -> None:
        await peer.some()
        for _ in range(32):
            await peer.send(b"x" * UNREAD_LIMIT)
        peer.fin()
        await peer.some()

    async with ScriptedServer(script) as server:
        stream = await connected(server)
        await stream.write(b"go")
        received = len(await stream.read(1))
        await until(lambda: stream._paused)
        for _ in range(200):  # turns in which asyncio would read on
            await asyncio.sleep(0)
        assert stream._unread_bytes < 3 * UNREAD_LIMIT
        while data := await stream.read(1):
            received += len(data)
        assert received == total
        await stream.aclose()


async def test_a_reset_while_waiting_is_a_read_error() -> None:
    async def script(peer: Peer) -> None:
        await peer.some()
        peer.reset()

    async with ScriptedServer(script) as server:
        stream = await connected(server)
        await stream.write(b"x")
        with pytest.raises(httpcore.ReadError, match="reset"):
            await stream.read(1)


def test_uvloop_will_do_as_well() -> None:
    """Its transports are of other types."""

    async def exchange() -> None:
        async with ScriptedServer(echo) as server:
            stream = await connected(server)
            for word in (b"one", b"two"):
                await stream.write(word)
                assert await stream.read(10) == word
            assert stream.get_extra_info("is_readable") is False
            await stream.aclose()
            await server.settled()

    async def echo(peer: Peer) -> None:
        while data := await peer.some():
            await peer.send(data)

    uvloop.run(exchange())
