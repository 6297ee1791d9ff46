"""Making and removing the streams of a run."""

from __future__ import annotations

from collections.abc import Sequence

from ..client.outcome import Definite, Indefinite, Ok, Outcome
from ..client.protocol import StreamClient
from .target import TargetFailure


async def create_streams(client: StreamClient, names: Sequence[str]) -> None:
    """Make streams that did not exist before; closes the client. Raises TargetFailure for any that it cannot make."""
    try:
        for name in names:
            outcome = await client.create_stream(name)
            if not isinstance(outcome, Ok):
                raise TargetFailure(f"the stream {name!r} cannot be made: {_why(outcome)}")
    finally:
        await client.aclose()


async def delete_streams(client: StreamClient, names: Sequence[str]) -> None:
    """Remove streams; closes the client. Raises TargetFailure naming every stream that stayed."""
    stayed = {}
    try:
        for name in names:
            outcome = await client.delete_stream(name)
            if not isinstance(outcome, Ok):
                stayed[name] = _why(outcome)
    finally:
        await client.aclose()
    if stayed:
        raise TargetFailure("could not remove: " + "; ".join(f"{name} ({why})" for name, why in stayed.items()))


def _why(outcome: Outcome[None]) -> str:
    match outcome:
        case Definite(code, status, body):
            message = body.get("message", "")
            return f"{status or 'nothing sent'} {code} {message}".strip()
        case Indefinite(reason):
            return reason
        case Ok():
            return "it went well"
