"""Requests that leave together, on one connection over HTTP/2, so that the service has them all at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ..client.http2 import Http2Connection
from .reply import NoAnswer, Reply
from .transcript import Exchange, Transcript


class Together:
    """One of these requests: the receiver of its answer, which becomes ``answer``."""

    def __init__(self, exchange: Exchange, transcript: Transcript) -> None:
        self.answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._exchange = exchange
        self._transcript = transcript
        self._status = 0
        self._content = b""

    def answered(self, status: int) -> None:
        """Take the status of the answer."""
        self._status = status

    def received(self, data: bytes) -> None:
        """Take a part of the answer's body."""
        self._content += data

    def ended(self) -> None:
        """Note that the answer is complete."""
        self._exchange.received += [str(self._status), *self._transcript.body(self._content)]
        self.answer.set_result(Reply(self._status, {}, self._content))

    def lost(self, reason: str) -> None:
        """Note that there is no answer."""
        self._exchange.received.append(reason)
        self.answer.set_exception(NoAnswer(reason))


async def answers(
    connection: Http2Connection,
    head: Sequence[tuple[bytes, bytes]],
    requests: Sequence[tuple[Together, bytes]],
    timeout: float,
) -> list[Reply]:
    """Send the bodies, each with this head, at once, and return the answers. Raise NoAnswer if one does not come."""
    numbers = []
    for receiver, body in requests:
        number = connection.request(head, receiver, end=False)
        numbers.append(number)
        connection.send(number, body, lambda: None)
        connection.end(number)
    try:
        async with asyncio.timeout(timeout):
            return [await receiver.answer for receiver, _ in requests]
    except TimeoutError:
        raise NoAnswer(f"no answer within {timeout:g} s") from None
    finally:
        for number, (receiver, _) in zip(numbers, requests, strict=True):
            connection.cancel(number)
            receiver.answer.cancel()
