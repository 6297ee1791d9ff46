"""A session in frames, as its bytes are: what the service sends is judged, not smoothed over."""

from __future__ import annotations

import asyncio
from typing import TypeAlias

from ..client.http2 import Http2Connection
from ..s2 import Ack, Append, Batch, protobuf
from ..s2.errors import Malformed
from ..s2.frames import Frame, FrameDecoder, Message, Terminal, encode_message
from .reply import refuse_missing
from .transcript import Exchange, Transcript

_Item: TypeAlias = Frame | str | None


class Session:
    """One session on a stream of an HTTP/2 connection.

    ``status`` is that of the answer's head, 0 before it came. A session that cannot start is answered like any other
    request: its answer then counts as a terminal frame, and ``started`` is False.
    """

    def __init__(self, connection: Http2Connection, exchange: Exchange, transcript: Transcript, timeout: float) -> None:
        self.number = 0
        self.status = 0
        self._connection = connection
        self._exchange = exchange
        self._transcript = transcript
        self._timeout = timeout
        self._decoder = FrameDecoder()
        self._content = b""
        self._items: asyncio.Queue[_Item] = asyncio.Queue()

    @property
    def started(self) -> bool:
        """Whether the service accepted the session."""
        return self.status == 200

    def send(self, *batches: Append) -> None:
        """Send batches, each in a frame."""
        for batch in batches:
            self._exchange.sent.append(self._transcript.struck(f"frame: {str(batch)[:300]}"))
            self._connection.send(self.number, encode_message(Message(protobuf.encode_append(batch))), lambda: None)

    def send_bytes(self, data: bytes) -> None:
        """Send bytes that need not be a frame."""
        self._exchange.sent.append(f"bytes: {data[:80].hex()}" + (f"… ({len(data):,})" if len(data) > 80 else ""))
        self._connection.send(self.number, data, lambda: None)

    def end(self) -> None:
        """Say that no more batches come."""
        self._exchange.sent.append("end")
        self._connection.end(self.number)

    async def frame(self) -> Frame | None:
        """Return the next frame, or None at the end of the session.

        Fail if it does not come in time, is malformed, or if the session breaks off. Raise NotOffered for a 501.
        """
        try:
            async with asyncio.timeout(self._timeout):
                item = await self._items.get()
        except TimeoutError:
            raise AssertionError(f"no frame within {self._timeout:g} s") from None
        assert not isinstance(item, str), item
        if isinstance(item, Terminal):
            refuse_missing(item.status, item.body)
        return item

    async def message(self) -> Message:
        """Return the next frame. Fail if it is a terminal one."""
        frame = await self.frame()
        assert frame is not None, "the session ended; another frame was to come"
        assert isinstance(frame, Message), f"a terminal frame came: {frame}"
        return frame

    async def ack(self) -> Ack:
        """Return the next ack. Fail if there is none."""
        return protobuf.decode_ack((await self.message()).body)

    async def batch(self) -> Batch:
        """Return the next batch, perhaps a heartbeat. Fail if there is none."""
        return protobuf.decode_batch((await self.message()).body)

    async def records(self, count: int) -> list[Batch]:
        """Return batches until they hold ``count`` records."""
        found: list[Batch] = []
        while sum(len(batch.records) for batch in found) < count:
            found.append(await self.batch())
        return found

    async def terminal(self) -> Terminal:
        """Return the terminal frame. Fail if something else comes."""
        frame = await self.frame()
        assert isinstance(frame, Terminal), f"a terminal frame was to come, not {frame}"
        return frame

    # What the connection calls.

    def answered(self, status: int) -> None:
        """Take the status of the answer."""
        self.status = status
        self._exchange.received.append(str(status))

    def received(self, data: bytes) -> None:
        """Take a part of the answer's body."""
        if self.status != 200:
            self._content += data
            return
        try:
            for frame in self._decoder.feed(data):
                self._exchange.received.append(self._transcript.struck(f"frame: {_shown(frame)[:400]}"))
                self._items.put_nowait(frame)
        except Malformed as error:
            self._items.put_nowait(f"what the service sent is no frame: {error}")

    def ended(self) -> None:
        """Note that the answer has ended in good order."""
        self._exchange.received += self._transcript.body(self._content) if self.status != 200 else ["end"]
        try:
            self._decoder.close()
        except Malformed as error:
            self._items.put_nowait(str(error))
        if self.status != 200:
            self._items.put_nowait(Terminal(self.status, self._content))
        self._items.put_nowait(None)

    def lost(self, reason: str) -> None:
        """Note that nothing more comes."""
        self._exchange.received.append(reason)
        self._items.put_nowait(f"the session broke off: {reason}")


def _shown(frame: Frame) -> str:
    if isinstance(frame, Terminal):
        return f"terminal {frame.status} {frame.body.decode(errors='replace')}"
    for decode in (protobuf.decode_ack, protobuf.decode_batch):
        try:
            return str(decode(frame.body))
        except Malformed:
            continue
    return frame.body.hex()
