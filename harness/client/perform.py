"""One call, whatever it is, through a client."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from ..s2 import Answer, Append, Call, CheckTail, Read
from .outcome import Outcome
from .protocol import StreamClient


def perform(client: StreamClient, stream: str, call: Call) -> Coroutine[Any, Any, Outcome[Answer]]:
    """Make the call; an Ok holds an Ack, a Batch or a Tail as the call is an append, a read or a check-tail."""
    match call:
        case Append():
            return client.append(stream, call)
        case Read():
            return client.read(stream, call)
        case CheckTail():
            return client.check_tail(stream, call)
