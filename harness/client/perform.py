"""Make one call of any kind through a client."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from ..s2 import Answer, Append, Call, CheckTail, Read
from .outcome import Outcome
from .protocol import StreamClient


def perform(client: StreamClient, stream: str, call: Call) -> Coroutine[Any, Any, Outcome[Answer]]:
    """Return the outcome of the call. Its Ok holds the Ack of an append, the Batch of a read or the Tail of a check."""
    match call:
        case Append():
            return client.append(stream, call)
        case Read():
            return client.read(stream, call)
        case CheckTail():
            return client.check_tail(stream, call)
