"""The end of a run: a fence on every stream, then a read of the stream from its start to its tail.

The read settles what became of appends whose outcome nobody knows: those that it returns took effect, at a known place;
the others did not, at least not below the tail that the read reached. The fence keeps late appends of earlier owners
out. It does not stop an append that gives no token: that one may still arrive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from .client.outcome import Definite, Indefinite, Ok, Outcome
from .client.perform import perform
from .client.protocol import StreamClient
from .history.events import StreamState
from .history.recorder import Recorder
from .s2 import Answer, Append, Batch, Call, CheckTail, Read, Record, Tail
from .workload import Invocation

ATTEMPTS: Final = 8
"""How often a closing operation is tried before its stream is given up."""

_PAUSES: Final = (0.05, 1.0)
"""First and longest pause (seconds) between two attempts."""

FENCE: Final = "closing-fence"
READ: Final = "closing-read"


class ClosingFailure(Exception):
    """A stream could not be fenced or read to its end. The text says which one, and why."""


class Closer:
    """Fences streams and reads them. Its operations are in the history like all others.

    ``connect`` makes a client, and ``next_process`` gives a process identity that nobody has had. After every
    operation that ended indefinitely the closer goes on with a new identity and a new client.
    """

    def __init__(
        self, recorder: Recorder, connect: Callable[[], StreamClient], next_process: Callable[[], int]
    ) -> None:
        self._recorder = recorder
        self._connect = connect
        self._next_process = next_process
        self._process = next_process()
        self._client = connect()

    async def close(self, streams: list[StreamState], run_id: str) -> None:
        """Fence and read every stream. Raises ClosingFailure, once every stream has been tried, if any failed."""
        failures = []
        try:
            for stream in streams:
                try:
                    await self._fence(stream.name, run_id)
                    await self._read(stream.name)
                except ClosingFailure as failure:
                    self._recorder.remark("closing-failure", str(failure))
                    failures.append(str(failure))
        finally:
            await self._client.aclose()
        if failures:
            raise ClosingFailure("; ".join(failures))

    async def _fence(self, stream: str, run_id: str) -> None:
        # An earlier attempt may have taken effect, and no two fences may be equal: each attempt has its own token.
        await self._insist(stream, lambda attempt: Append((Record.fence(f"closing-{attempt}-{run_id}"[:36]),)), FENCE)

    async def _read(self, stream: str) -> None:
        answer = await self._insist(stream, lambda _: CheckTail(), READ)
        assert isinstance(answer, Tail)
        position = 0
        while position < answer.tail.seq_num:
            read = Read(seq_num=position)
            batch = await self._insist(stream, lambda _, read=read: read, READ)  # type: ignore[misc]
            assert isinstance(batch, Batch)
            after = batch.records[-1].seq_num + 1 if batch.records else position
            if after <= position:
                raise ClosingFailure(
                    f"the closing read of {stream} made no progress past {position} (the tail is {answer.tail.seq_num})"
                )
            position = after

    async def _insist(self, stream: str, call: Callable[[int], Call], purpose: str) -> Answer:
        outcome: Outcome[Answer] | None = None
        for attempt in range(ATTEMPTS):
            if attempt:
                first, longest = _PAUSES
                await asyncio.sleep(min(first * 2**attempt, longest))
            outcome = await self._perform(stream, call(attempt), purpose)
            if isinstance(outcome, Ok):
                return outcome.value
        raise ClosingFailure(f"the {purpose} of {stream} failed {ATTEMPTS} times; the last failure: {_why(outcome)}")

    async def _perform(self, stream: str, call: Call, purpose: str) -> Outcome[Answer]:
        op = self._recorder.invoke(Invocation(stream, call, purpose=purpose), self._process)
        try:
            outcome = await perform(self._client, stream, call)
        except asyncio.CancelledError:
            self._recorder.complete(op, Indefinite("cancelled by the harness"))
            raise
        self._recorder.complete(op, outcome)
        if isinstance(outcome, Indefinite):
            with suppress(Exception):
                await self._client.aclose()
            self._process, self._client = self._next_process(), self._connect()
        return outcome


def _why(outcome: Outcome[Answer] | None) -> str:
    match outcome:
        case Definite(code, status, body):
            return f"{status or 'nothing was sent'}, {code}, {body.get('message', '')}".strip(" ,")
        case Indefinite(reason):
            return reason
        case _:
            return "nothing"
