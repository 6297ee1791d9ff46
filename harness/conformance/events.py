"""A read that is answered by server-sent events."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

import httpx

from ..s2.events import BatchEvent, Event, EventDecoder, Failure


class Events:
    """The events of one answer. ``status`` and ``kind`` are those of its head; ``kind`` is its content type."""

    def __init__(
        self,
        status: int,
        kind: str,
        chunks: AsyncIterator[bytes],
        decoder: EventDecoder,
        timeout: float,
        note: Callable[[object], None],
    ) -> None:
        self.status = status
        self.kind = kind
        self._chunks = chunks
        self._decoder = decoder
        self._timeout = timeout
        self._note = note
        self._waiting: deque[Event] = deque()

    async def next(self) -> Event | None:
        """Return the next event, or None at the end of the answer. Fail if it does not come in time or is malformed."""
        try:
            async with asyncio.timeout(self._timeout):
                while not self._waiting:
                    chunk = await anext(self._chunks, None)
                    if chunk is None:
                        return None
                    for event in self._decoder.feed(chunk):
                        self._note(event)
                        self._waiting.append(event)
        except TimeoutError:
            raise AssertionError(f"no event within {self._timeout:g} s") from None
        except httpx.HTTPError as error:
            raise AssertionError(f"the answer broke off: {type(error).__name__} {error}") from None
        return self._waiting.popleft()

    async def batch(self) -> BatchEvent:
        """Return the next batch; skip pings. Fail if something else comes."""
        while True:
            event = await self.next()
            if isinstance(event, BatchEvent):
                return event
            assert event is not None, "the answer ended; another batch was to come"
            assert not isinstance(event, Failure), f"an error came instead of a batch: {event.data}"

    async def rest(self) -> list[Event]:
        """Return all further events."""
        found: list[Event] = []
        while (event := await self.next()) is not None:
            found.append(event)
        return found
