"""A server on loopback that does exactly what a script says to each connection, and counts what it saw."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from fencepost.harness.client.outcome import Ok
from fencepost.harness.s2 import Ack, Append, Position, Record

DEADLINE = 10.0
"""Seconds after which a test that waits for the server has failed."""


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that no event tells of."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


@dataclass
class Request:
    """A request as it was received."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Peer:
    """The server's side of one connection."""

    def __init__(self, server: ScriptedServer, sock: socket.socket) -> None:
        self.server = server
        self.socket = sock
        self._buffer = b""

    async def some(self) -> bytes:
        """The next bytes; empty at the end."""
        return await asyncio.get_running_loop().sock_recv(self.socket, 65536)

    async def head(self) -> bytes | None:
        """Read the next request's head, and count the request; None where the client closed instead."""
        while b"\r\n\r\n" not in self._buffer:
            data = await self.some()
            if not data:
                return None
            self._buffer += data
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        self.server.heads += 1
        return head

    async def request(self) -> Request | None:
        """Read the next request, whole; None where the client closed instead."""
        head = await self.head()
        if head is None:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", 0))
        while len(self._buffer) < length:
            data = await self.some()
            if not data:
                return None
            self._buffer += data
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        request = Request(method, target, headers, body)
        self.server.requests.append(request)
        return request

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    def fin(self) -> None:
        """End the stream, in order."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """End the connection with a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


Script = Callable[[Peer], Awaitable[None]]


@dataclass
class ScriptedServer:
    """Runs ``script`` for every connection, then closes it."""

    script: Script
    connections: int = 0
    heads: int = 0
    requests: list[Request] = field(default_factory=list)

    async def __aenter__(self) -> ScriptedServer:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._peers: set[asyncio.Task[None]] = set()
        self._accepted: list[socket.socket] = []
        # Not sock_accept: a socket that it has accepted is lost where its task is cancelled in that moment.
        asyncio.get_running_loop().add_reader(self._listener, self._accept)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._listener)
        for task in self._peers:
            task.cancel()
        await asyncio.gather(*self._peers, return_exceptions=True)
        self._listener.close()
        for sock in self._accepted:  # a script that never began has closed nothing
            sock.close()

    async def settled(self) -> None:
        """Wait until every connection's script has run to its end: the client must have closed them."""
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*self._peers)

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except BlockingIOError:  # the client has thought better of it
            return
        sock.setblocking(False)
        self.connections += 1
        self._accepted.append(sock)
        self._peers.add(asyncio.create_task(self._serve(sock)))

    async def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(ConnectionError):  # the client may drop the connection at any time
            await self.script(Peer(self, sock))


def answer(status: int, body: object = None, *, text: bytes | None = None, extra: str = "") -> bytes:
    """An answer with a content-length, of a JSON body or a text."""
    content = text if text is not None else b"" if body is None else json.dumps(body).encode()
    return f"HTTP/1.1 {status} X\r\ncontent-length: {len(content)}\r\n{extra}\r\n".encode() + content


def chunked(status: int, content: bytes, size: int = 7) -> bytes:
    """The same in chunks."""
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(piece), piece)
        for piece in (content[at : at + size] for at in range(0, len(content), size))
    )
    return b"HTTP/1.1 %d X\r\ntransfer-encoding: chunked\r\n\r\n" % status + chunks + b"0\r\n\r\n"


def position(seq_num: int, timestamp: int = 1000) -> dict[str, int]:
    return {"seq_num": seq_num, "timestamp": timestamp}


def ack(start: int, count: int = 1) -> dict[str, object]:
    """The body of an append's answer."""
    return {"start": position(start), "end": position(start + count), "tail": position(start + count)}


def replying(data: bytes) -> Script:
    """Answer every request of a connection with these bytes."""

    async def script(peer: Peer) -> None:
        while await peer.request() is not None:
            await peer.send(data)

    return script


def once(data: bytes, end: str) -> Script:
    """Answer one request with these bytes, then end the connection by ``fin`` or ``reset``."""

    async def script(peer: Peer) -> None:
        assert await peer.request() is not None
        await peer.send(data)
        getattr(peer, end)()
        if end == "fin":
            await peer.some()

    return script


CALL = Append((Record(b"one"),), match_seq_num=4)
ACKED = Ok(Ack(Position(4, 1000), Position(5, 1000), Position(5, 1000)))
GOOD = answer(200, ack(4))
