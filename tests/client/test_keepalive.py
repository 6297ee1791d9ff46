"""A connection that is used again: never a stale one, and never a stale answer."""

from __future__ import annotations

import asyncio
import select

import pytest

from fencepost.harness.client import connection
from fencepost.harness.client.http import HttpStreamClient
from fencepost.harness.client.outcome import Indefinite

from .scripted import (
    ACKED,
    CALL,
    DEADLINE,
    GOOD,
    Peer,
    ScriptedServer,
    ack,
    answer,
    replying,
    until,
)


class Closing:
    """A server that answers, and ends the connection later, when it is told to."""

    def __init__(self, end: str) -> None:
        self._end = end
        self._told = asyncio.Event()

    async def __call__(self, peer: Peer) -> None:
        assert await peer.request() is not None
        await peer.send(GOOD)
        await self._told.wait()
        getattr(peer, self._end)()

    async def end(self) -> None:
        """Returns when the connection has ended for the system, and asyncio has had no turn to notice."""
        self._told.set()
        await asyncio.sleep(0)


@pytest.mark.parametrize("end", ["fin", "reset"])
@pytest.mark.parametrize("noticed", [True, False])
async def test_stale_connection_is_replaced_before_anything_is_sent(end: str, noticed: bool) -> None:
    """The server closes while the connection is idle; ``noticed``: asyncio had its turn to see it."""
    script = Closing(end)
    async with ScriptedServer(script) as server:
        client = HttpStreamClient(server.url, "basin-one")
        assert await client.perform("s", CALL) == ACKED
        used = client._direct._connection
        assert used is not None
        await script.end()
        assert select.select([used._transport.get_extra_info("socket")], [], [], DEADLINE)[0], "the end never arrived"
        if noticed:
            await until(lambda: used.closed)
        else:
            assert not used.closed
        assert await client.perform("s", CALL) == ACKED
        await client.aclose()
    assert (server.connections, server.heads) == (2, 2)


@pytest.mark.parametrize("end", ["fin", "reset"])
async def test_a_request_that_crosses_the_end_of_the_connection_is_indefinite(end: str) -> None:
    """The end is on its way when the client looks for the last time: nobody knows what became of the request."""
    script = Closing(end)
    async with ScriptedServer(script) as server:
        client = HttpStreamClient(server.url, "basin-one")
        assert await client.perform("s", CALL) == ACKED
        used = client._direct._connection
        assert used is not None
        await script.end()
        used._readable = lambda: False  # the look comes too early
        outcome = await client.perform("s", CALL)
        assert isinstance(outcome, Indefinite)
        assert client.sent
        assert (server.connections, server.heads) == (1, 1)


async def test_reset_while_the_second_request_is_under_way_is_indefinite() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(GOOD)
        await peer.head()
        peer.reset()

    async with ScriptedServer(script) as server:
        client = HttpStreamClient(server.url, "basin-one")
        assert await client.perform("s", CALL) == ACKED
        outcome = await client.perform("s", CALL)
        await client.aclose()
    assert isinstance(outcome, Indefinite)
    assert (server.connections, server.heads) == (1, 2)


async def test_an_answer_nobody_asked_for_is_not_taken_for_the_next_one() -> None:
    async with ScriptedServer(replying(GOOD + answer(200, ack(77)))) as server:
        client = HttpStreamClient(server.url, "basin-one")
        assert [await client.perform("s", CALL) for _ in range(3)] == [ACKED] * 3
        await client.aclose()
    assert (server.connections, server.heads) == (3, 3), "a connection was used on, or a request sent twice"


async def test_a_time_out_notice_on_an_idle_connection_is_not_an_answer() -> None:
    """Some intermediaries send a 408 before they close an idle connection."""
    sent = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(GOOD)
        if server.connections == 1:
            await go.wait()
            await peer.send(answer(408, text=b"idle"))
            sent.set()

    go = asyncio.Event()
    async with ScriptedServer(script) as server:
        client = HttpStreamClient(server.url, "basin-one")
        assert await client.perform("s", CALL) == ACKED
        go.set()
        async with asyncio.timeout(DEADLINE):
            await sent.wait()
        assert await client.perform("s", CALL) == ACKED
        await client.aclose()
    assert (server.connections, server.heads) == (2, 2)


async def test_an_expired_connection_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "KEEPALIVE_EXPIRY", -1.0)
    async with ScriptedServer(replying(GOOD)) as server:
        client = HttpStreamClient(server.url, "basin-one")
        assert [await client.perform("s", CALL) for _ in range(3)] == [ACKED] * 3
        await client.aclose()
    assert server.connections == 3
