"""A stranger's package: a workload, a checker, a plot, a target and a fault, with nothing but the public API."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import fencepost
from fencepost import Ok, Position


class Workload:
    """Each client appends, and then looks."""

    name = "stranger-workload"
    summary = "appends and looks, as a stranger would"
    exercises = (fencepost.Exercise("overlapping-appends", 1),)
    checkers = ("linearizability", "stranger-checker")

    def generator(self, options: fencepost.WorkloadOptions) -> fencepost.Generator:
        return Strange(options)


@dataclass(frozen=True)
class Strange:
    options: fencepost.WorkloadOptions
    number: int = 0
    acknowledged: int = 0

    def next(self, context: fencepost.Context) -> Any:
        if self.options.operations is not None and self.number >= self.options.operations:
            return None
        if self.options.time_limit is not None and context.time >= self.options.time_limit * 1e9:
            return None
        if not context.free:
            return fencepost.PENDING, self
        stream = self.options.streams[0]
        call: fencepost.Append | fencepost.Read | fencepost.CheckTail = fencepost.CheckTail()
        if self.number % 3 == 0:
            call = fencepost.Append((fencepost.Record(f"strange {self.options.seed} {self.number}".encode()),))
        elif self.number % 3 == 1 and self.acknowledged:
            call = fencepost.Read(seq_num=context.random.randrange(self.acknowledged))
        return fencepost.Invocation(stream, call, purpose="strange"), replace(self, number=self.number + 1)

    def update(
        self, context: fencepost.Context, event: fencepost.Invocation | fencepost.Completion
    ) -> fencepost.Generator:
        if not isinstance(event, fencepost.Completion) or not isinstance(event.outcome, Ok):
            return self
        return replace(self, acknowledged=self.acknowledged + isinstance(event.outcome.value, fencepost.Ack))


class Checker:
    """Finds that strange things were done."""

    name = "stranger-checker"
    summary = "notices strange operations"
    general = False
    anomalies = (
        fencepost.Anomaly(
            "strangeness", "something strange was done", fencepost.Severity.MINOR, "purpose ≠ strange", "all is normal"
        ),
    )

    def check(self, history: fencepost.History, limits: fencepost.CheckLimits) -> fencepost.CheckResult:
        strange = [row for row in range(len(history)) if history.operation(row).purpose == "strange"]
        if not strange:
            return fencepost.CheckResult(fencepost.Validity.VALID)
        operation = history.operation(strange[0])
        assert operation.kind in fencepost.Kind
        found = fencepost.Violation(
            "strangeness",
            operation.stream,
            "all is normal",
            (operation.id,),
            (),
            ("It is strange.",),
            count=len(strange),
        )
        return fencepost.CheckResult(fencepost.Validity.INVALID, (found,), details={"struck": len(history.faults)})


class Plot:
    """A picture of strangeness."""

    name = "stranger-plot"
    summary = "a picture of strangeness"

    def draw(
        self, history: fencepost.History, verdict: fencepost.Verdict, folder: Path, formats: tuple[str, ...]
    ) -> list[Path]:
        path = folder / "stranger-plot.txt"
        path.write_text(f"{len(history)} operations, {verdict.validity}\n")
        return [path]


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

    async def append(self, stream: str, call: fencepost.Append) -> fencepost.Outcome[fencepost.Ack]:
        await self._target.well.wait()
        records, start = self._target.records, len(self._target.records)
        records += [
            fencepost.SequencedRecord(start + n, 0, record.headers, record.body)
            for n, record in enumerate(call.records)
        ]
        end = Position(len(records), 0)
        return Ok(fencepost.Ack(Position(start, 0), end, end))

    async def read(self, stream: str, call: fencepost.Read) -> fencepost.Outcome[fencepost.Batch]:
        await self._target.well.wait()
        assert call.seq_num is not None
        return Ok(fencepost.Batch(tuple(self._target.records[call.seq_num :])))

    async def check_tail(self, stream: str, call: fencepost.CheckTail) -> fencepost.Outcome[fencepost.Tail]:
        await self._target.well.wait()
        return Ok(fencepost.Tail(Position(len(self._target.records), 0)))

    async def create_stream(self, stream: str) -> fencepost.Outcome[None]:
        return Ok(None)

    async def delete_stream(self, stream: str) -> fencepost.Outcome[None]:
        return Ok(None)

    async def aclose(self) -> None:
        pass


class Fault:
    """Makes the target unwell."""

    name = "stranger-fault"
    summary = "the target is unwell for a moment"
    colour = "tab:pink"

    def applies_to(self, target: fencepost.Target) -> bool:
        return isinstance(target, Target)

    def period(self, random: Random) -> fencepost.Period:
        return fencepost.Period(0.02, random.uniform(0.01, 0.02))

    async def start(self, target: fencepost.Target) -> None:
        if not isinstance(target, Target):
            raise fencepost.TargetFailure("only strangers can be unwell")
        target.well.clear()

    async def heal(self, target: fencepost.Target) -> None:
        assert isinstance(target, Target)
        target.well.set()
