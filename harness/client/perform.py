"""One call, whatever it is, through a client."""

from __future__ import annotations

from ..s2 import Answer, Append, Call, CheckTail, Read
from .outcome import Outcome
from .protocol import StreamClient


async def perform(client: StreamClient, stream: str, call: Call) -> Outcome[Answer]:
    """Make the call; an Ok holds an Ack, a Batch or a Tail as the call is an append, a read or a check-tail."""
    match call:
        case Append():
            return await client.append(stream, call)
        case Read():
            return await client.read(stream, call)
        case CheckTail():
            return await client.check_tail(stream, call)
