"""Sessions against an HTTP/2 server that we did not write: granian, which carries the bundled server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fencepost.harness.client.http import HttpStreamClient
from fencepost.harness.client.outcome import Definite, Ok
from fencepost.harness.s2 import Append, Batch, Read, Record, protobuf, urls
from fencepost.harness.s2.frames import FrameDecoder, Message, Terminal, encode_message, encode_terminal
from fencepost.harness.server.errors import StateMismatch
from fencepost.harness.server.request import Limits
from fencepost.harness.server.service import Service
from fencepost.harness.server.serving import bind, serve
from fencepost.harness.server.storage import MemoryStorage
from fencepost.harness.world.clock import SystemClock
from fencepost.harness.world.network import SystemNetwork

from .scripted import DEADLINE, until
from .session_server import BASIN, error_of


class Sessions:
    """The barest ASGI application with sessions: those of a service, on the stream that the path names."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["raw_path"] == b"/health":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        assert scope["http_version"] == "2"
        name = urls.decode_name(scope["raw_path"].split(b"/")[3])
        answers: AsyncIterator[Any]
        if scope["method"] == "POST":
            answers, encode = self._service.append_session(BASIN, name, self._batches(receive)), protobuf.encode_ack
        else:
            query = urls.decode_read(scope["query_string"])
            answers, encode = self._service.read_session(BASIN, name, query), protobuf.encode_batch  # type: ignore[assignment]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        last = b""
        try:
            async for answer in answers:
                frame = encode_message(Message(encode(answer)))
                await send({"type": "http.response.body", "body": frame, "more_body": True})
        except StateMismatch as refusal:
            last = encode_terminal(Terminal(*error_of(refusal)))
        await send({"type": "http.response.body", "body": last, "more_body": False})

    async def _batches(self, receive: Any) -> AsyncIterator[Append]:
        decoder = FrameDecoder()
        more = True
        while more:
            message = await receive()
            more = message["type"] == "http.request" and message["more_body"]
            for frame in decoder.feed(message.get("body", b"")):
                assert isinstance(frame, Message)
                yield protobuf.decode_append(frame.body)


async def test_sessions_over_granian() -> None:
    """Pipelined batches, a refusal with others behind it, large batches, and a follower beside them."""
    service = Service(MemoryStorage(), SystemClock().wall_ms)
    await service.start()
    await service.create_basin(BASIN)
    await service.create_stream(BASIN, "stream")
    network = SystemNetwork()
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    serving = asyncio.create_task(
        serve(
            Sessions(service),
            bind(network, "127.0.0.1", 0),
            network,
            ready=url.set_result,
            stop=stop,
            drain=service.drain,
            limits=Limits(),
        )
    )
    async with asyncio.timeout(2 * DEADLINE):
        client = HttpStreamClient(await url, BASIN, timeout=DEADLINE)
        seen: list[int] = []
        following = asyncio.create_task(client.read_session("stream", Read(seq_num=0), numbers(seen)))
        session = client.append_session("stream")
        tickets = [session.submit(Append((Record(b"%d" % number),), match_seq_num=number)) for number in range(100)]
        large = [session.submit(Append((Record(b"z" * 1_000_000),))) for _ in range(3)]
        refused = session.submit(Append((Record(b"refused"),), match_seq_num=1))
        later = session.submit(Append((Record(b"later"),)))
        assert [type(await ticket) for ticket in (*tickets, *large)] == [Ok] * 103
        assert await refused == Definite("seq_num_mismatch", 412, {"seq_num_mismatch": 103})
        outcome = await later
        assert isinstance(outcome, Definite)
        assert outcome.code == "session_poisoned"
        bounded: list[int] = []
        assert await client.read_session("stream", Read(seq_num=0, count=200), numbers(bounded)) == Ok(None)
        assert bounded == list(range(103))
        await until(lambda: len(seen) >= 103)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        assert seen == list(range(103))
        await session.aclose()
        await client.aclose()
        stop.set()
        await serving
    await service.close()


def numbers(into: list[int]) -> Any:
    """Takes frames, and keeps the seq_nums of their records."""

    def take(frame: Batch) -> None:
        into.extend(record.seq_num for record in frame.records)

    return take
