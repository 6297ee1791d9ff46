"""How a client finds the server: by environment variables, with the basin in a header or in the host."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from clients import batch, fresh
from endpoint import Endpoint
from s2_sdk import S2, BasinConfig, Endpoints, ReadLimit, SeqNum


async def use(s2: S2) -> None:
    """Everything that the two endpoints are for."""
    name = fresh("basin")
    await s2.create_basin(name, config=BasinConfig(create_stream_on_append=True))
    stream = s2[name]["stream"]
    await stream.append(batch(b"unary"))
    async with stream.append_session() as session:
        await (await session.submit(batch(b"session")))
    async with stream.read_session(start=SeqNum(0), limit=ReadLimit(count=2)) as session:
        assert [one.body async for read in session for one in read.records] == [b"unary", b"session"]


async def test_from_the_environment(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S2_ACCOUNT_ENDPOINT", endpoint.url)
    monkeypatch.setenv("S2_BASIN_ENDPOINT", endpoint.url)
    async with S2("any", endpoints=Endpoints.from_env()) as s2:
        await use(s2)


async def test_the_basin_in_the_host(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every system resolves the names under localhost, so this test does."""
    resolve = socket.getaddrinfo

    def loopback(host: Any, *arguments: Any, **more: Any) -> Any:
        return resolve("127.0.0.1" if str(host).endswith(".localhost") else host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", loopback)
    port = urlsplit(endpoint.url).port
    endpoints = Endpoints(f"http://localhost:{port}", f"http://{{basin}}.b.localhost:{port}")
    async with S2("any", endpoints=endpoints) as s2:
        await use(s2)
