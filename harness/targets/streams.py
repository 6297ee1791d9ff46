"""Creation, listing and removal of the streams of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Final, TypeVar

from ..client.http import HttpStreamClient
from ..client.outcome import Definite, Indefinite, Ok, Outcome
from ..client.protocol import StreamClient
from ..client.wire import StreamConfig, StreamPage
from .target import Lifetimes, TargetFailure

ATTEMPTS: Final = 6
"""Attempts to make or remove a stream before giving up."""

RETRYABLE: Final = frozenset({"rate_limited", "hot_server", "server_draining", "transaction_conflict"})
"""Error codes of definite refusals that soon pass."""

LONGEST_RUN: Final = 24 * 60 * 60
"""Seconds that no run takes: what vanishes only later need not be declared."""

MOST_NAMED: Final = 10
"""Streams that a message names. It only counts the others."""

_PAUSES: Final = (0.1, 2.0)
"""First and longest pause (seconds) between two attempts."""


T = TypeVar("T")
C = TypeVar("C", bound=StreamClient)


class StreamRefused(TargetFailure):
    """The endpoint definitely did not make a stream."""


class StreamsLeft(TargetFailure):
    """The streams ``names`` should have been removed, but may still exist."""

    def __init__(self, left: Mapping[str, str], what: str) -> None:
        self.names = tuple(left)
        named = [f"{name} ({why})" for name, why in islice(left.items(), MOST_NAMED)]
        more = [f"and {len(left) - MOST_NAMED:,} more"] if len(left) > MOST_NAMED else []
        super().__init__(f"{what}: {'; '.join(named + more)}")


async def create_stream(connect: Callable[[], StreamClient], name: str) -> None:
    """Make a stream that does not exist yet. Retry refusals that soon pass.

    Raise StreamRefused if the stream was definitely not made, and TargetFailure if nobody knows.
    """
    outcome = await _insist(connect, lambda client: client.create_stream(name), _is_settled)
    if not isinstance(outcome, Ok):
        failure = StreamRefused if isinstance(outcome, Definite) else TargetFailure
        raise failure(f"the stream {name!r} cannot be made: {_why(outcome)}")


async def lifetimes_of(connect: Callable[[], HttpStreamClient], names: Sequence[str]) -> Lifetimes:
    """Return what may vanish of streams within :data:`LONGEST_RUN`, by their configurations.

    An endpoint that does not show a configuration to this client is taken to keep everything.
    """
    retentions: list[int] = []
    vanishing: list[int] = []
    for name in names:
        outcome = await _insist(connect, partial(_config, name), _is_settled)
        if not isinstance(outcome, Ok):
            continue
        retentions += [outcome.value.retention] if outcome.value.retention is not None else []
        vanishing += [outcome.value.vanishes] if outcome.value.vanishes is not None else []
    retention = min(retentions, default=LONGEST_RUN)
    return Lifetimes(
        retention_ms=retention * 1000 if retention < LONGEST_RUN else None,
        others_may_delete=min(vanishing, default=LONGEST_RUN) < LONGEST_RUN,
    )


async def list_streams(connect: Callable[[], HttpStreamClient], prefix: str) -> list[str]:
    """Return the names of all streams with ``prefix`` that are not being deleted. Raise TargetFailure if that fails."""
    names: list[str] = []
    last = ""
    while True:
        outcome = await _insist(connect, partial(_page, prefix, last), _is_settled)
        if not isinstance(outcome, Ok):
            raise TargetFailure(f"the streams cannot be listed: {_why(outcome)}")
        page = outcome.value
        names += [stream.name for stream in page.streams if stream.deleted_at is None]
        if not page.has_more:
            # The service should return only these names. The caller deletes them, so do not rely on that.
            return [name for name in names if name.startswith(prefix)]
        before, last = last, page.streams[-1].name if page.streams else ""
        if last <= before:
            raise TargetFailure(f"the listing of streams makes no progress past {last!r}")


async def delete_streams(connect: Callable[[], StreamClient], names: Sequence[str]) -> set[str]:
    """Remove streams that may exist, and return the names of those that did not.

    Try each, then raise StreamsLeft with every stream that may still exist. When cancelled, raise StreamsLeft at once:
    however a run ends, its user must learn what it left behind.
    """
    left = dict.fromkeys(names, "not tried")
    absent: set[str] = set()
    unreachable = False
    try:
        for name in names:
            if unreachable:
                break
            left[name] = "its removal was interrupted"
            outcome = await _insist(connect, partial(_delete, name), _is_removal_settled)
            unreachable = isinstance(outcome, Definite) and outcome.status is None
            if _is_gone(outcome):
                del left[name]
                if isinstance(outcome, Definite) and outcome.code == "stream_not_found":
                    absent.add(name)
            else:
                left[name] = _why(outcome)
    except asyncio.CancelledError:
        raise StreamsLeft(left, "interrupted while removing streams; these may be left") from None
    if left:
        raise StreamsLeft(left, "could not remove")
    return absent


async def _insist(
    connect: Callable[[], C], call: Callable[[C], Awaitable[Outcome[T]]], is_settled: Callable[[Outcome[T]], bool]
) -> Outcome[T]:
    """Make a call through a new client each time, until its outcome is settled or after :data:`ATTEMPTS`."""
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


async def _page(prefix: str, after: str, client: HttpStreamClient) -> Outcome[StreamPage]:
    return await client.list_streams(prefix, after)


async def _config(name: str, client: HttpStreamClient) -> Outcome[StreamConfig]:
    return await client.stream_config(name)


async def _delete(name: str, client: StreamClient) -> Outcome[None]:
    return await client.delete_stream(name)


def _is_settled(outcome: Outcome[object]) -> bool:
    return not (isinstance(outcome, Definite) and outcome.code in RETRYABLE)


def _is_removal_settled(outcome: Outcome[None]) -> bool:
    """Return whether a retry would not help. Removal is idempotent, so indefinite and unsent ones are retried."""
    refused = isinstance(outcome, Definite) and outcome.status is not None and outcome.code not in RETRYABLE
    return _is_gone(outcome) or refused


def _is_gone(outcome: Outcome[None]) -> bool:
    if isinstance(outcome, Definite):
        return outcome.code in ("stream_not_found", "stream_deletion_pending")
    return isinstance(outcome, Ok)


def _why(outcome: Outcome[object]) -> str:
    match outcome:
        case Definite(code, status, body):
            message = body.get("message", "")
            return f"{status or 'nothing was sent'}, {code}, {message}".strip(" ,")
        case Indefinite(reason):
            return reason
        case Ok():
            return "it went well"
