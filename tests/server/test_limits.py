"""What clients can make the server keep in memory, with and without a token. The application is called directly."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from fencepost.harness.server.app import App
from fencepost.harness.server.limits import Limits
from fencepost.harness.server.metrics import Metrics
from fencepost.harness.server.routing import (
    MAX_PATH_BYTES,
    REMEMBERED,
    REMEMBERED_BYTES,
    Router,
    operation,
    operations_of,
)
from fencepost.harness.server.service import Service
from fencepost.harness.server.storage import MemoryStorage
from fencepost.harness.world.clock import ScriptedClock

BASIN = "test-basin"
HEADERS = [(b"s2-basin", BASIN.encode()), (b"content-type", b"application/json")]


class Client:
    """One request whose body arrives as the test says."""

    def __init__(self, app: App, path: bytes = b"/v1/streams/s/records", method: str = "POST") -> None:
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._sent: list[Any] = []
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "raw_path": path,
            "query_string": b"",
            "headers": HEADERS,
        }
        self.task = asyncio.ensure_future(app(scope, self._messages.get, self._send))

    async def _send(self, message: Any) -> None:
        self._sent.append(message)

    def arrives(self, chunk: bytes, more: bool = True) -> None:
        self._messages.put_nowait({"type": "http.request", "body": chunk, "more_body": more})

    def hangs_up(self) -> None:
        self._messages.put_nowait({"type": "http.disconnect"})

    async def answer(self) -> tuple[int, Any, dict[bytes, bytes]]:
        """Status, JSON and headers."""
        await asyncio.wait_for(self.task, 5)
        return self._sent[0]["status"], json.loads(self._sent[1]["body"]), dict(self._sent[0]["headers"])


@asynccontextmanager
async def application(token: str | None = None, limits: Limits | None = None) -> AsyncIterator[App]:
    service = Service(MemoryStorage(), ScriptedClock().wall_ms)
    await service.start()
    await service.ensure_basin(BASIN)
    await service.ensure_stream(BASIN, "s")
    yield App(service, Metrics(), ScriptedClock(), token, limits)
    await service.close()


# Before: the route of each was kept, and with it its path: 500 MB for 4,096 of them, of clients that were all refused.
@pytest.mark.parametrize("token", ["secret", None], ids=["refused", "let in"])
async def test_long_paths_leave_nothing_in_memory(token: str | None) -> None:
    async with application(token) as app:

        async def ask(number: int) -> None:
            status, body, _ = await Client(app, b"/v1/streams/%060000d" % number, "GET").answer()
            assert (status, body["code"]) == ((403, "permission_denied") if token else (400, "bad_path"))

        await ask(0)
        tracemalloc.start()
        try:
            for number in range(200):
                await ask(number)
            assert tracemalloc.get_traced_memory()[0] < 1 << 20
        finally:
            tracemalloc.stop()


async def test_a_stranger_learns_nothing_from_paths() -> None:
    async with application("secret") as app:
        for path in (b"/v1/streams/s", b"/nothing", b"/v1/streams/%ff", b"/v1/" + b"x" * 10_000, b"/metrics"):
            assert (await Client(app, path, "GET").answer())[:1] == (403,)
        for path in (b"/health", b"/v1/health"):
            assert (await Client(app, path, "GET").answer())[:1] == (200,)


def test_only_short_paths_are_remembered_and_so_many_of_them() -> None:
    router = Router(operations_of(App))
    longest = b"/v1/streams/" + b"%C3%BF" * 256 + b"/records/tail"
    assert len(longest) <= MAX_PATH_BYTES
    for _ in range(2):
        route = router.route(longest)
        assert route is not None
        assert route.name == "ÿ" * 256
    assert router._remembered.cache_info().currsize == 0
    assert router._remembered.cache_info().maxsize == REMEMBERED
    assert router.route(b"/" + b"x" * (REMEMBERED_BYTES - 1)) is None
    assert router._remembered.cache_info().currsize == 1


# Before: sixty bodies that never ended held 550 MB.
async def test_bodies_that_do_not_end_hold_no_more_than_the_limit_together() -> None:
    limits = Limits(body_bytes=1000, arriving_bytes=4000)
    async with application(limits=limits) as app:
        clients = [Client(app) for _ in range(60)]
        for client in clients:
            client.arrives(b" " * 900)
        answers = [await client.answer() for client in clients[4:]]
        assert all(status == 502 and body["code"] == "hot_server" for status, body, _ in answers)
        assert all(headers[b"connection"] == b"close" for *_, headers in answers), "the rest of the body is not read"
        assert not any(client.task.done() for client in clients[:4])
        # Whoever sends a body in one piece is not held up by those who do not.
        whole = Client(app)
        whole.arrives(b'{"records":[{"body":"' + b"x" * 900 + b'"}]}', more=False)
        assert (await whole.answer())[0] == 200
        # What is held is let go however the body ends.
        clients[0].hangs_up()
        assert (await clients[0].answer())[0] == 499
        clients[1].arrives(b" " * 900)
        assert (await clients[1].answer())[0] == 413
        clients[2].arrives(b'{"records":[{}]}', more=False)
        assert (await clients[2].answer())[0] == 200
        clients[3].task.cancel()
        with suppress(asyncio.CancelledError):
            await clients[3].task
        again = [Client(app) for _ in range(4)]
        for client in again:
            client.arrives(b" " * 900)
        await asyncio.sleep(0)
        assert not any(client.task.done() for client in again)
        for client in again:
            client.arrives(b'{"records":[{}]}', more=False)
            assert (await client.answer())[0] == 200


# Before: each piece was an object of its own, and 40 KB that came two bytes at a time held 900 KB.
async def test_a_body_in_tiny_pieces_holds_what_is_counted() -> None:
    async with application() as app:
        client = Client(app)
        await asyncio.sleep(0)
        tracemalloc.start()
        try:
            for _ in range(200):
                for _ in range(100):
                    client.arrives(b"%c%c" % (32, 9))
                await asyncio.sleep(0)
            assert app._bodies.held == 40_000
            assert tracemalloc.get_traced_memory()[0] < 200_000
        finally:
            tracemalloc.stop()
        client.arrives(b'{"records":[{}]}', more=False)
        assert (await client.answer())[0] == 200
        assert app._bodies.held == 0


# -- the rows of operations


def test_an_operation_is_a_row_on_its_method() -> None:
    class Small:
        @operation("GET", "/a/{name}")
        async def get(self) -> None:
            """Get it.

            And more.
            """

        @operation("PUT", "/a/{name}")
        async def put(self) -> None:
            """Put it."""

    class More(Small):
        @operation("GET", "/b", "/c", public=True)
        async def look(self) -> None:
            """Look."""

    router = Router(operations_of(More))
    route = router.route(b"/a/x%20y")
    assert route is not None
    assert (route.name, route.allow) == ("x y", b"GET, PUT")
    assert (route.operations["GET"].name, route.operations["GET"].summary) == ("get", "Get it.")
    assert router.public == {b"/b", b"/c"}
    for path in (b"", b"/", b"/a", b"/a/", b"/a/x/y", b"a/x"):
        assert router.route(path) is None


def test_two_operations_cannot_share_a_method_and_a_path() -> None:
    class Twice:
        @operation("GET", "/a/{name}")
        async def one(self) -> None:
            """One."""

        @operation("GET", "/a/{id}")
        async def two(self) -> None:
            """Two."""

    with pytest.raises(ValueError, match="one and two"):
        Router(operations_of(Twice))
