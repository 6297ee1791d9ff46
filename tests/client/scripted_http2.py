"""An HTTP/2 server on loopback that does exactly what a script says to each stream."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.settings
from h2.errors import ErrorCodes

from fencepost.harness.s2 import Ack, Append, Batch, Position, protobuf
from fencepost.harness.s2.frames import FrameDecoder, Message, Terminal, encode_message, encode_terminal

from .scripted import DEADLINE


class Stream:
    """The server's end of one stream."""

    def __init__(self, connection: Connection, number: int, headers: dict[str, str]) -> None:
        self.connection = connection
        self.number = number
        self.headers = headers
        self.bytes = 0
        """Bytes of the request's body that have arrived."""
        self.ended = False
        self.was_reset = asyncio.Event()
        self._decoder = FrameDecoder()
        self._batches: asyncio.Queue[Append | None] = asyncio.Queue()
        self._answered = False

    def arrived(self, data: bytes) -> None:
        self.bytes += len(data)
        for frame in self._decoder.feed(data):
            assert isinstance(frame, Message)
            self._batches.put_nowait(protobuf.decode_append(frame.body))

    def end_of_request(self) -> None:
        self.ended = True
        self._batches.put_nowait(None)

    async def batch(self) -> Append:
        """The next batch."""
        async with asyncio.timeout(DEADLINE):
            batch = await self._batches.get()
        assert batch is not None, "the client ended its side"
        return batch

    async def end_of_batches(self) -> None:
        """Wait until the client has ended its side."""
        async with asyncio.timeout(DEADLINE):
            assert await self._batches.get() is None

    def head(self, status: int = 200) -> None:
        """Send the head of the answer."""
        self._answered = True
        self.connection.h2.send_headers(self.number, [(":status", str(status))])
        self.connection.flush()

    def raw(self, data: bytes) -> None:
        """Send bytes of the answer, with a head of 200 if there was none."""
        if not self._answered:
            self.head()
        for at in range(0, len(data), 16384):
            self.connection.h2.send_data(self.number, data[at : at + 16384])
        self.connection.flush()

    def ack(self, start: int, count: int = 1, **flags: bool) -> None:
        ack = Ack(Position(start, 1), Position(start + count, 1), Position(start + count, 1))
        self.raw(encode_message(Message(protobuf.encode_ack(ack), **flags)))

    def frame(self, batch: Batch, **flags: bool) -> None:
        self.raw(encode_message(Message(protobuf.encode_batch(batch), **flags)))

    def terminal(self, status: int, body: bytes) -> None:
        self.raw(encode_terminal(Terminal(status, body)))

    def end(self) -> None:
        if not self._answered:
            self.head()
        self.connection.h2.end_stream(self.number)
        self.connection.flush()

    def reset(self) -> None:
        self.connection.h2.reset_stream(self.number, ErrorCodes.INTERNAL_ERROR)
        self.connection.flush()


Script = Callable[[Stream], Awaitable[None]]


class Connection:
    """The server's end of one connection: a stream is handed to the script, in a task of its own."""

    def __init__(self, script: Script, writer: asyncio.StreamWriter, window: int | None) -> None:
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        if window is not None:
            codes = h2.settings.SettingCodes
            self.h2.local_settings = h2.settings.Settings(
                client=False, initial_values={codes.INITIAL_WINDOW_SIZE: window}
            )
        self.writer = writer
        self.withholding = window is not None
        self.streams: dict[int, Stream] = {}
        self._script = script
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self, reader: asyncio.StreamReader) -> None:
        self.h2.initiate_connection()
        self.flush()
        try:
            while data := await reader.read(65536):
                for event in self.h2.receive_data(data):
                    self._take(event)
                self.flush()
        finally:
            for task in self._tasks:
                task.cancel()
            results = await asyncio.gather(*self._tasks, return_exceptions=True)
            for result in results:
                if isinstance(result, Exception):
                    raise result

    def _take(self, event: Any) -> None:
        match event:
            case h2.events.RequestReceived(stream_id=number, headers=headers):
                self.streams[number] = Stream(self, number, dict(headers))
                self._tasks.append(asyncio.ensure_future(self._script(self.streams[number])))  # type: ignore[arg-type]
            case h2.events.DataReceived(stream_id=number, data=data, flow_controlled_length=size):
                self.streams[number].arrived(data)
                if not self.withholding:
                    self.h2.acknowledge_received_data(size, number)
            case h2.events.StreamEnded(stream_id=number):
                self.streams[number].end_of_request()
            case h2.events.StreamReset(stream_id=number):
                self.streams[number].was_reset.set()
            case _:
                pass

    def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())

    def go_away(self, last: int) -> None:
        """Say that streams above ``last`` are not served, and that the others are."""
        frame = bytes.fromhex("000008070000000000") + last.to_bytes(4, "big") + bytes(4)
        self.writer.write(frame)  # by hand: h2 would end the connection


class Http2Server:
    """What a test sees of the server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connections: list[Connection] = []


@asynccontextmanager
async def http2_server(
    script: Script, *, window: int | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Http2Server]:
    """A server whose streams follow ``script``. With a ``window`` (bytes) it takes no more of a stream than that."""
    tasks: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(script, writer, window)
        server.connections.append(connection)
        try:
            await connection.run(reader)
        except ConnectionError:
            pass
        finally:
            writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.create_task(serve(reader, writer)))

    listening = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    server = Http2Server(f"{scheme}://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result
