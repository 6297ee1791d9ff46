"""Sessions over HTTP: a request whose answer begins before it ends, or that follows the tail of its stream.

A session that cannot start is answered like any other request. Once it has started, the answer is a 200, and a failure
is the last thing in it: a terminal frame of ``s2s/proto``, or an error event of ``text/event-stream``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing, nullcontext
from typing import Final

from msgspec import structs

from ...s2 import Append, Batch, Read, metered_size, protobuf, urls
from ...s2.compression import Compression
from ...s2.errors import Malformed
from ...s2.events import BatchEvent, Done, EventId, Failure, Ping, encode_event
from ...s2.frames import FrameDecoder, Message, Terminal, encode_message, encode_terminal
from ...s2.json_codec import Format
from ...s2.limits import U64_MAX
from ..access.grants import Grant
from ..answers import Response, failure
from ..bodies import Pieces
from ..commands import check_start
from ..content_coding import preferred
from ..errors import ServiceError
from ..request import Request
from ..sessions import AppendSession
from .endpoints import Endpoints, config_to_make

_UNBUFFERED: Final = ((b"cache-control", b"no-cache, no-transform"), (b"x-accel-buffering", b"no"))
_FRAMES: Final = ((b"content-type", b"s2s/proto"), *_UNBUFFERED)
_EVENTS: Final = ((b"content-type", b"text/event-stream"), *_UNBUFFERED)


class Sessions(Endpoints):
    """Append sessions, read sessions, and reads as server-sent events."""

    async def append_session(self, request: Request) -> Response:
        """Answer an append session: batches in frames, acks in frames."""
        config, key = config_to_make(request), request.encryption_key()
        session = await self._service.append_session(request.basin(), request.name, config, key)
        request.operation = "append_session"
        return Response(200, self._acks(request, request.pieces(), session), _FRAMES)

    async def read_session(self, request: Request) -> Response:
        """Answer a read session: batches and heartbeats in frames."""
        query, compression = urls.decode_read(request.query), preferred(request.raw(b"accept-encoding") or b"")
        config, key = config_to_make(request), request.encryption_key()
        batches = await self._service.read_session(request.basin(), request.name, query, config, key)
        request.operation = "read_session"
        return Response(200, self._batches(request, batches, compression), _FRAMES)

    async def read_events(self, request: Request, form: Format) -> Response:
        """Answer a read with server-sent events."""
        query = urls.decode_read(request.query)
        last = None if (given := request.header(b"last-event-id")) is None else EventId.parse(given)
        if last is not None:
            query = _after(last, query)
        config, key = config_to_make(request), request.encryption_key()
        batches = await self._service.read_session(request.basin(), request.name, query, config, key)
        request.operation = "read_events"
        last = last or EventId(0, 0, 0)
        return Response(200, self._events(request, batches, last, form), _EVENTS)

    async def _acks(self, request: Request, pieces: Pieces, session: AppendSession) -> AsyncGenerator[bytes, None]:
        sizes: deque[int] = deque()
        try:
            async with aclosing(session.acks(_appends(pieces, sizes, request.grant))) as groups:
                async for group in groups:
                    advised = self._service.draining
                    # Acks are too small to be worth compressing.
                    yield b"".join([encode_message(Message(protobuf.encode_ack(ack), advised)) for ack in group])
                    for ack in group:
                        self._metrics.appended(ack.end.seq_num - ack.start.seq_num, sizes.popleft())
        except Exception as error:
            yield encode_terminal(Terminal(*_failed(error, request)))

    async def _batches(
        self, request: Request, batches: AsyncGenerator[Batch, None], compression: Compression
    ) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(batches):
                async for batch in batches:
                    request.grant.check()
                    yield encode_message(Message(protobuf.encode_batch(batch), self._service.draining), compression)
        except Exception as error:
            yield encode_terminal(Terminal(*_failed(error, request)))

    async def _events(
        self, request: Request, batches: AsyncGenerator[Batch, None], last: EventId, form: Format
    ) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(batches):
                async for batch in batches:
                    request.grant.check()
                    if batch.records:
                        last = _id(batch, last)
                        yield encode_event(BatchEvent(batch, last), form)
                    else:
                        yield encode_event(Ping(self._service.now(), batch.tail), form)
            yield encode_event(Done(), form)
        except Exception as error:
            yield encode_event(Failure(_failed(error, request)[1].decode()), form)


async def _appends(pieces: Pieces, sizes: deque[int], grant: Grant) -> AsyncGenerator[Append, None]:
    """Yield the batches of an append session as they arrive, and note their sizes. Raise ServiceError for any other."""
    decoder = FrameDecoder()
    try:
        while not pieces.ended:
            # A frame that has begun has to arrive in time, because it takes memory. The next one may be long in
            # coming.
            with pieces.patience() if decoder.held else nullcontext():
                frames = decoder.feed(await pieces.next())
                frame = next(frames, None)
                while frame is None and decoder.held and not pieces.ended:
                    pieces.hold(decoder.held)
                    frames = decoder.feed(await pieces.next())
                    frame = next(frames, None)
            while frame is not None:
                if isinstance(frame, Terminal):
                    raise ServiceError("bad_frame", "a client may not send a terminal frame")
                sizes.append(len(frame.body))
                batch = protobuf.decode_append(frame.body)
                grant.permit_batch(batch)
                yield batch
                frame = next(frames, None)
            pieces.hold(decoder.held)
        decoder.close()
    except Malformed as error:
        raise ServiceError("bad_frame", error.message) from error
    finally:
        pieces.hold(0)


def _failed(error: Exception, request: Request) -> tuple[int, bytes]:
    """Return status and body of the answer that the failure would have had before the session began."""
    status, body, _ = failure(error, request)
    assert isinstance(body, bytes)
    return status, body


def _after(last: EventId, query: Read) -> Read:
    """Return what is left of a read after the batch with this id. Raise ServiceError if it has two starts."""
    check_start(query)
    return structs.replace(
        query,
        seq_num=min(last.seq_num + 1, U64_MAX),
        timestamp=None,
        tail_offset=None,
        count=None if query.count is None else max(0, query.count - last.count),
        bytes=None if query.bytes is None else max(0, query.bytes - last.bytes),
    )


def _id(batch: Batch, before: EventId) -> EventId:
    records = batch.records
    return EventId(
        records[-1].seq_num,
        min(before.count + len(records), U64_MAX),
        min(before.bytes + sum(map(metered_size, records)), U64_MAX),
    )
