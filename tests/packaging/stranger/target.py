"""A stranger's target, and its client."""

from __future__ import annotations

import asyncio
from typing import Any

import fencepost
from fencepost import Ok, Position


class Target:
    """A service in memory. While it is unwell it answers late."""

    summary = "a stranger's service, in memory"
    options = (fencepost.Option("mood", "how it feels", default="fine"),)
    gentle_rate = 500.0

    def __init__(self, options: fencepost.TargetOptions) -> None:
        self._mood = options.own["mood"]
        self._name = f"stranger-{options.run_id}"
        self.records: list[fencepost.SequencedRecord] = []
        self.well = asyncio.Event()
        self.well.set()

    async def set_up(self) -> list[fencepost.StreamState]:
        return [fencepost.StreamState(self._name)]

    def connect(self) -> Client:
        return Client(self)

    def describe(self) -> dict[str, Any]:
        return {"name": "stranger-target", "mood": self._mood}

    async def tear_down(self) -> None:
        self.records.clear()


class Client(fencepost.WithoutSessions):
    """Speaks to a :class:`Target`."""

    def __init__(self, target: Target) -> None:
        self._target = target

    async def perform(self, stream: str, call: Any) -> Any:
        await self._target.well.wait()
        records, start = self._target.records, len(self._target.records)
        match call:
            case fencepost.Append():
                records += [
                    fencepost.SequencedRecord(start + n, 0, record.headers, record.body)
                    for n, record in enumerate(call.records)
                ]
                end = Position(len(records), 0)
                return Ok(fencepost.Ack(Position(start, 0), end, end))
            case fencepost.Read():
                assert call.seq_num is not None
                return Ok(fencepost.Batch(tuple(records[call.seq_num :])))
            case _:
                return Ok(fencepost.Tail(Position(start, 0)))

    async def create_stream(self, stream: str) -> fencepost.Outcome[None]:
        return Ok(None)

    async def delete_stream(self, stream: str) -> fencepost.Outcome[None]:
        return Ok(None)

    async def aclose(self) -> None:
        pass
