"""The end of a run: fences every stream, then reads the stream from its start to its tail.

The closing read settles the fate of indefinite appends. An append that it returns took effect at a known position. Any
other one did not take effect, at least not below the tail that the read reached. The fence makes the service refuse
late appends of earlier owners. It does not stop an append that gives no token, which may still arrive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from .client.outcome import Definite, Indefinite, Ok, Outcome
from .client.protocol import StreamClient
from .history.events import StreamState
from .history.recorder import Recorder
from .s2 import Answer, Append, Batch, Call, CheckTail, Read, Record, Tail
from .workload import Invocation

ATTEMPTS: Final = 8
"""Number of attempts at a closing operation before the closer gives up its stream."""

_PAUSES: Final = (0.05, 1.0)
"""First and longest pause (seconds) between two attempts."""

FENCE: Final = "closing-fence"
READ: Final = "closing-read"


class ClosingFailure(Exception):
    """A stream could not be fenced or read to its end. The message names the stream and the reason."""


class Closer:
    """The process that fences and reads the streams of one run. The history has its operations like all others.

    ``connect`` makes a client, and ``next_process`` returns a process identity that has never been used. After every
    indefinite outcome the closer continues with a new identity and a new client.
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
        """Fence and read every stream. After trying them all, raise ClosingFailure if any stream failed."""
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
        # No two fences may be equal, and an earlier attempt may have taken effect, so each attempt sets its own token.
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

    async def _insist(self, stream: str, call: Callable[[int], Call[Answer]], purpose: str) -> Answer:
        outcome: Outcome[Answer] | None = None
        for attempt in range(ATTEMPTS):
            if attempt:
                first, longest = _PAUSES
                await asyncio.sleep(min(first * 2**attempt, longest))
            outcome = await self._perform(stream, call(attempt), purpose)
            if isinstance(outcome, Ok):
                return outcome.value
        raise ClosingFailure(f"the {purpose} of {stream} failed {ATTEMPTS} times; the last failure: {_why(outcome)}")

    async def _perform(self, stream: str, call: Call[Answer], purpose: str) -> Outcome[Answer]:
        op = self._recorder.invoke(Invocation(stream, call, purpose=purpose), self._process)
        try:
            outcome = await self._client.perform(stream, call)
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
