"""Making and removing the streams of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from ..client.outcome import Definite, Indefinite, Ok, Outcome
from ..client.protocol import StreamClient
from .target import TargetFailure

ATTEMPTS: Final = 4
"""How often a stream's removal is tried before it is left behind."""

_PAUSES: Final = (0.1, 1.0)
"""First and longest pause (seconds) between two attempts."""


class StreamRefused(TargetFailure):
    """A stream was not made, for certain."""


async def create_stream(client: StreamClient, name: str) -> None:
    """Make a stream that did not exist before; closes the client.

    Raises StreamRefused where it was not made, TargetFailure where nobody knows.
    """
    try:
        outcome = await client.create_stream(name)
    finally:
        await client.aclose()
    if not isinstance(outcome, Ok):
        failure = StreamRefused if isinstance(outcome, Definite) else TargetFailure
        raise failure(f"the stream {name!r} cannot be made: {_why(outcome)}")


async def delete_streams(connect: Callable[[], StreamClient], names: Sequence[str]) -> None:
    """Remove streams that may exist. Raises TargetFailure naming every stream that stayed, once each was tried."""
    stayed = {}
    unreachable = False
    for name in names:
        outcome = Indefinite("not tried, either") if unreachable else await _delete(connect, name)
        unreachable = unreachable or (isinstance(outcome, Definite) and outcome.status is None)
        if not _is_gone(outcome):
            stayed[name] = _why(outcome)
    if stayed:
        raise TargetFailure("could not remove: " + "; ".join(f"{name} ({why})" for name, why in stayed.items()))


async def _delete(connect: Callable[[], StreamClient], name: str) -> Outcome[None]:
    """Removing is idempotent, so that it may be tried again however it ended."""
    outcome: Outcome[None] = Indefinite("it was not tried")
    for attempt in range(ATTEMPTS):
        if attempt:
            first, longest = _PAUSES
            await asyncio.sleep(min(first * 2**attempt, longest))
        client = connect()
        try:
            outcome = await client.delete_stream(name)
        finally:
            await client.aclose()
        if _is_gone(outcome):
            break
    return outcome


def _is_gone(outcome: Outcome[None]) -> bool:
    if isinstance(outcome, Definite):
        return outcome.code in ("stream_not_found", "stream_deletion_pending")
    return isinstance(outcome, Ok)


def _why(outcome: Outcome[None]) -> str:
    match outcome:
        case Definite(code, status, body):
            message = body.get("message", "")
            return f"{status or 'nothing was sent'}, {code}, {message}".strip(" ,")
        case Indefinite(reason):
            return reason
        case Ok():
            return "it went well"
