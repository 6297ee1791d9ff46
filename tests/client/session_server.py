"""A server with sessions for the client to talk to: the bundled service behind HTTP/1.1 and HTTP/2 on one port.

What comes over HTTP/1.1 is handed to the bundled server's application; HTTP/2 carries sessions and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import h2.config
import h2.connection
import h2.events
import msgspec

from fencepost.harness.s2 import Append, protobuf, urls
from fencepost.harness.s2.frames import (
    Compression,
    FrameDecoder,
    Message,
    Terminal,
    encode_message,
    encode_terminal,
)
from fencepost.harness.server.app import App
from fencepost.harness.server.errors import ServiceError, StateMismatch
from fencepost.harness.server.metrics import Metrics
from fencepost.harness.server.service import Service
from fencepost.harness.server.storage import MemoryStorage
from fencepost.harness.world.clock import SystemClock
from fencepost.harness.world.network import Network, SystemNetwork

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
BASIN = "basin-one"


class SessionServer:
    """Serves one basin. ``compression`` is that of its frames."""

    def __init__(self, service: Service, compression: Compression = Compression.NONE) -> None:
        self.service = service
        self.compression = compression
        self._app = App(service, Metrics(), SystemClock())
        self.sessions = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            first = await reader.readuntil(b"\r\n\r\n")
            if first.startswith(b"PRI "):
                await Http2Side(self, reader, writer).run(first)
            else:
                while True:
                    await self._unary(first, reader, writer)
                    first = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _unary(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        method, target, _ = first.split(b" ")
        headers = [(name.lower(), value) for name, _, value in (line.partition(b": ") for line in lines)]
        path, _, query = target.partition(b"?")
        body = await reader.readexactly(int(dict(headers).get(b"content-length", b"0")))
        scope = {"type": "http", "http_version": "1.1", "method": method.decode(), "raw_path": path}
        scope |= {"query_string": query, "headers": headers}
        unread = [{"type": "http.request", "body": body, "more_body": False}]
        head = b""

        async def receive() -> Any:
            if not unread:
                await asyncio.Event().wait()
            return unread.pop()

        async def send(message: Any) -> None:
            nonlocal head
            if message["type"] == "http.response.start":
                head = b"HTTP/1.1 %d X\r\n" % message["status"]
                head += b"".join(b"%b: %b\r\n" % (k, v) for k, v in message["headers"] if k != b"content-length")
            else:
                content = message.get("body", b"")
                writer.write(head + b"content-length: %d\r\n\r\n%b" % (len(content), content))

        await self._app(scope, receive, send)


class Http2Side:
    """The server's end of one HTTP/2 connection."""

    def __init__(self, server: SessionServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self._inputs: dict[int, asyncio.Queue[bytes | None]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._room = asyncio.Condition()

    async def run(self, first: bytes) -> None:
        """Until the connection ends."""
        self._h2.initiate_connection()
        try:
            data = first
            while data:
                for event in self._h2.receive_data(data):
                    await self._take(event)
                self._flush()
                data = await self._reader.read(65536)
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _take(self, event: Any) -> None:
        match event:
            case h2.events.RequestReceived(stream_id=number, headers=headers):
                self._inputs[number] = asyncio.Queue()
                self._tasks[number] = asyncio.create_task(self._session(number, dict(headers)))
                self._server.sessions += 1
            case h2.events.DataReceived(stream_id=number, data=data, flow_controlled_length=size):
                self._inputs[number].put_nowait(data)
                self._h2.acknowledge_received_data(size, number)
            case h2.events.StreamEnded(stream_id=number):
                self._inputs[number].put_nowait(None)
            case h2.events.StreamReset(stream_id=number):
                self._tasks[number].cancel()
            case h2.events.WindowUpdated() | h2.events.RemoteSettingsChanged():
                async with self._room:
                    self._room.notify_all()
            case _:
                pass

    async def _session(self, number: int, headers: dict[str, str]) -> None:
        path, _, query = headers[":path"].partition("?")
        name = urls.decode_name(path.split("/")[3].encode())
        begun = False
        try:
            if headers[":method"] == "POST":
                session = await self._server.service.append_session(BASIN, name)
                answers: AsyncIterator[Any] = _each(session.acks(self._batches(number)))
                encode: Any = protobuf.encode_ack
            else:
                answers = await self._server.service.read_session(BASIN, name, urls.decode_read(query.encode()))
                encode = protobuf.encode_batch
            async for answer in answers:
                if not begun:
                    begun = True
                    self._h2.send_headers(number, [(":status", "200"), ("content-type", "s2s/proto")])
                await self._send(number, encode_message(Message(encode(answer)), self._server.compression))
        except (StateMismatch, ServiceError) as refusal:
            status, body = error_of(refusal)
            if begun:
                await self._send(number, encode_terminal(Terminal(status, body)))
            else:
                self._h2.send_headers(number, [(":status", str(status)), ("content-type", "application/json")])
                await self._send(number, body)
                begun = True
        if not begun:
            self._h2.send_headers(number, [(":status", "200"), ("content-type", "s2s/proto")])
        self._h2.end_stream(number)
        self._flush()

    async def _batches(self, number: int) -> AsyncIterator[Append]:
        decoder = FrameDecoder()
        while (data := await self._inputs[number].get()) is not None:
            for frame in decoder.feed(data):
                assert isinstance(frame, Message)
                yield protobuf.decode_append(frame.body)
        decoder.close()

    async def _send(self, number: int, data: bytes) -> None:
        while data:
            async with self._room:
                await self._room.wait_for(lambda: self._h2.local_flow_control_window(number) > 0)
            room = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size)
            self._h2.send_data(number, data[:room])
            data = data[room:]
            self._flush()

    def _flush(self) -> None:
        self._writer.write(self._h2.data_to_send())


async def _each(groups: AsyncIterator[list[Any]]) -> AsyncIterator[Any]:
    async for group in groups:
        for one in group:
            yield one


def error_of(refusal: Exception) -> tuple[int, bytes]:
    """Status and JSON body of a refusal."""
    match refusal:
        case StateMismatch():
            return refusal.status, msgspec.json.encode(refusal.body)
        case ServiceError():
            return refusal.status, msgspec.json.encode({"code": refusal.code, "message": refusal.message})
    raise refusal


@asynccontextmanager
async def session_server(network: Network | None = None, **options: Any) -> AsyncIterator[tuple[SessionServer, str]]:
    """A server with a basin and a stream named ``stream``, on this machine's network or another; and its URL."""
    service = Service(MemoryStorage(), SystemClock().wall_ms)
    await service.start()
    await service.create_basin(BASIN)
    await service.create_stream(BASIN, "stream")
    server = SessionServer(service, **options)
    tasks: dict[asyncio.Task[None], None] = {}

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks[asyncio.create_task(server.serve(reader, writer))] = None

    listening = (network or SystemNetwork()).bind("127.0.0.1", 0)
    await listening.serve(lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader(), connected))
    try:
        yield server, f"http://127.0.0.1:{listening.address[1]}"
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await service.close()
