"""TLS and tunnels: nothing of a request leaves before the server has proved who it is."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from fencepost.harness.client.http import HttpStreamClient
from fencepost.harness.client.outcome import Definite, Ok
from fencepost.harness.s2 import CheckTail, Position, Tail

from .scripted import (
    CALL,
    Peer,
    ScriptedServer,
    answer,
    once,
    position,
)

CERTIFICATE = Path(__file__).with_name("loopback.pem")


async def test_tls_is_verified_before_anything_is_sent() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            heads.append(1)
            writer.write(answer(200, {"tail": position(5)}))

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    heads: list[int] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    server = await asyncio.start_server(quietly, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        trusting = HttpStreamClient(url, "basin-one", ca_bundle=CERTIFICATE)
        for _ in range(3):
            assert await trusting.perform("s", CheckTail()) == Ok(Tail(Position(5, 1000)))
        await trusting.aclose()
        outcome = await HttpStreamClient(url, "basin-one").perform("s", CheckTail())
        assert isinstance(outcome, Definite)
        assert outcome.code == "not_sent"
        assert "CERTIFICATE_VERIFY_FAILED" in outcome.body["message"]
        assert len(heads) == 3
        await through_a_tunnel(url)
        assert len(heads) == 4
    finally:
        server.close()
        await server.wait_closed()


async def through_a_tunnel(url: str) -> None:
    """The same through a proxy that opens a tunnel and passes bytes on."""

    async def script(peer: Peer) -> None:
        connect = await peer.request()
        assert connect is not None
        assert (connect.method, connect.target) == ("CONNECT", url.removeprefix("https://"))
        assert "authorization" not in connect.headers
        reader, writer = await asyncio.open_connection(*connect.target.split(":"))
        await peer.send(b"HTTP/1.1 200 X\r\n\r\n")

        async def back() -> None:
            while data := await reader.read(65536):
                await peer.send(data)

        backwards = asyncio.create_task(back())
        while data := await peer.some():
            writer.write(data)
        writer.close()
        await asyncio.gather(backwards, return_exceptions=True)

    async with ScriptedServer(script) as proxy:
        client = HttpStreamClient(url, "basin-one", token="t0ken", ca_bundle=CERTIFICATE, proxy=proxy.url)
        assert await client.perform("s", CheckTail()) == Ok(Tail(Position(5, 1000)))
        await client.aclose()
        await proxy.settled()


@pytest.mark.parametrize("reply", [answer(403, text=b"no"), answer(407, text=b"who?"), b""])
async def test_a_tunnel_that_is_refused_is_definite(reply: bytes) -> None:
    async with ScriptedServer(once(reply, "fin")) as proxy:
        client = HttpStreamClient("https://example.org", "basin-one", proxy=proxy.url)
        outcome = await client.perform("s", CALL)
        assert isinstance(outcome, Definite), outcome
        assert outcome.code == "not_sent"
        assert not client.sent
    assert proxy.connections == 1
