"""Making and removing the streams of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from ..client.outcome import Definite, Indefinite, Ok, Outcome
from ..client.protocol import StreamClient
from .target import TargetFailure

ATTEMPTS: Final = 6
"""How often making or removing a stream is tried before it is given up."""

RETRYABLE: Final = frozenset({"rate_limited", "hot_server", "server_draining", "transaction_conflict"})
"""Codes of refusals that promise no effect and are soon over."""

_PAUSES: Final = (0.1, 2.0)
"""First and longest pause (seconds) between two attempts."""


class StreamRefused(TargetFailure):
    """A stream was not made, for certain."""


async def create_stream(connect: Callable[[], StreamClient], name: str) -> None:
    """Make a stream that did not exist before. A refusal that is soon over is waited out.

    Raises StreamRefused where the stream was not made, TargetFailure where nobody knows.
    """

    def is_settled(outcome: Outcome[None]) -> bool:
        return not (isinstance(outcome, Definite) and outcome.code in RETRYABLE)

    outcome = await _insist(connect, lambda client: client.create_stream(name), is_settled)
    if not isinstance(outcome, Ok):
        failure = StreamRefused if isinstance(outcome, Definite) else TargetFailure
        raise failure(f"the stream {name!r} cannot be made: {_why(outcome)}")


async def delete_streams(connect: Callable[[], StreamClient], names: Sequence[str]) -> None:
    """Remove streams that may exist. Raises TargetFailure naming every stream that stayed, once each was tried."""
    stayed = {}
    unreachable = False
    for name in names:
        outcome = Indefinite("not tried, either") if unreachable else await _remove(connect, name)
        unreachable = unreachable or (isinstance(outcome, Definite) and outcome.status is None)
        if not _is_gone(outcome):
            stayed[name] = _why(outcome)
    if stayed:
        raise TargetFailure("could not remove: " + "; ".join(f"{name} ({why})" for name, why in stayed.items()))


async def _remove(connect: Callable[[], StreamClient], name: str) -> Outcome[None]:
    """Removing is idempotent: it may be tried again however it ended."""
    return await _insist(connect, lambda client: client.delete_stream(name), _is_gone)


async def _insist(
    connect: Callable[[], StreamClient],
    call: Callable[[StreamClient], Awaitable[Outcome[None]]],
    is_settled: Callable[[Outcome[None]], bool],
) -> Outcome[None]:
    """Make a call, each time through a new client, until its outcome is settled or :data:`ATTEMPTS` were made."""
    for attempt in range(ATTEMPTS):
        if attempt:
            first, longest = _PAUSES
            await asyncio.sleep(min(first * 2**attempt, longest))
        client = connect()
        try:
            outcome = await call(client)
        finally:
            await client.aclose()
        if is_settled(outcome):
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
