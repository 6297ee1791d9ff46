"""A package as a stranger would write it, for tests of runs: a target in memory, and things that go wrong on demand.

It is found as any package is, by its entry points: :func:`register` writes what an installer would have written.
What goes wrong is told by :class:`Script`, or by environment variables where the run is a process of its own.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from fencepost import (
    PENDING,
    Anomaly,
    Append,
    CheckLimits,
    CheckResult,
    CheckTail,
    Completion,
    Context,
    Exercise,
    Generator,
    History,
    Invocation,
    Ok,
    Option,
    Outcome,
    Read,
    Record,
    Severity,
    StreamState,
    TargetFailure,
    TargetOptions,
    Validity,
    Verdict,
    Violation,
    WithoutSessions,
    WorkloadOptions,
)
from fencepost.harness.generators import now_and_then
from fencepost.testing.naive_service import NaiveService

ENTRY_POINTS = """\
[fencepost.workloads]
counting = tests.run.doubles:Counting
[fencepost.targets]
memory = tests.run.doubles:Memory
[fencepost.faults]
hiccup = tests.run.doubles:Hiccup
[fencepost.checkers]
double = tests.run.doubles:DoubleChecker
[fencepost.plots]
double = tests.run.doubles:DoublePlot
"""


def register(folder: Path) -> Path:
    """Make ``folder`` a place on the path where these doubles are an installed package; the folder."""
    metadata = folder / "doubles-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: doubles\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder


Call = Append | Read | CheckTail
Answering = Callable[[str, Call], Any]
"""What a client does instead: an outcome to answer, an exception to raise, an awaitable to wait for; None: nothing."""


@dataclass
class Script:
    """What goes wrong. ``log`` is what happened to the target, in order."""

    answering: Answering = lambda stream, call: None
    set_up: Exception | None = None
    tear_down: Exception | None = None
    strike: BaseException | None = None
    heal: BaseException | None = None
    check: BaseException | None = None
    plot: BaseException | None = None
    make: BaseException | None = None
    next: BaseException | None = None
    validity: Validity = Validity.VALID
    log: list[str] = field(default_factory=list)


SCRIPT = Script()
"""The one in force; a fixture puts a new one in its place for each test."""


def script() -> Script:
    """The one in force."""
    return SCRIPT


class MemoryClient(WithoutSessions):
    """Speaks to a service in memory. ``closed`` counts calls of aclose."""

    def __init__(self, service: NaiveService, answering: Answering | None = None) -> None:
        self.service = service
        self.closed = 0
        self.calls: list[Call] = []
        self._answering = answering

    async def perform(self, stream: str, call: Any) -> Any:
        assert not self.closed, "a client is used after it was closed"
        self.calls.append(call)
        instead = (self._answering or script().answering)(stream, call)
        if "DOUBLE_HANGS" in os.environ and self.service.now > 20:
            await asyncio.sleep(3600)
        if isinstance(instead, BaseException):
            raise instead
        if asyncio.isfuture(instead) or asyncio.iscoroutine(instead):
            instead = await instead
        await asyncio.sleep(0)
        self.service.now += 1
        return self.service.apply(stream, call, self.service.now) if instead is None else instead

    async def create_stream(self, stream: str) -> Outcome[None]:
        return Ok(None)

    async def delete_stream(self, stream: str) -> Outcome[None]:
        return Ok(None)

    async def aclose(self) -> None:
        self.closed += 1


class TimedService(NaiveService):
    """A service whose clock (ns) is its number of calls: all of them within the same millisecond."""

    now = 0


class Memory:
    """A target without a process."""

    summary = "a service in memory"
    options: ClassVar = (
        Option("mood", "what it is like today", default="mild"),
        Option("pin", "a number that nobody may know", secret=True),
    )
    gentle_rate: ClassVar[float | None] = None

    def __init__(self, options: TargetOptions) -> None:
        self._own = options.own
        self._names = [f"{options.run_id}-{number}" for number in range(options.streams)]
        self._service = TimedService()
        self.log = script().log
        if script().make is not None:
            raise script().make

    async def set_up(self) -> list[StreamState]:
        self.log.append("set up")
        if script().set_up is not None:
            raise script().set_up
        if "DOUBLE_SLOW" in os.environ:
            await asyncio.sleep(3600)
        return [StreamState(name) for name in self._names]

    def connect(self) -> MemoryClient:
        return MemoryClient(self._service)

    def describe(self) -> dict[str, Any]:
        return {"name": "memory", "mood": self._own["mood"]}

    async def tear_down(self) -> None:
        self.log.append("torn down")
        if script().tear_down is not None:
            raise script().tear_down


class Hiccup:
    """A fault that strikes at once, and can fail to."""

    name = "hiccup"
    summary = "nothing happens, or what the script says"
    colour = "#000000"

    def applies_to(self, target: object) -> bool:
        return isinstance(target, Memory)

    def schedule(self) -> Generator:
        return now_and_then(self.name, calm=(0.0, 0.0), struck=0.01)

    async def start(self, target: Memory) -> None:
        target.log.append("struck")
        if script().strike is not None:
            raise script().strike

    async def heal(self, target: Memory) -> None:
        target.log.append("healed")
        if script().heal is not None:
            raise script().heal


class Counting:
    """Appends numbered records, with a check of the tail after each."""

    name = "counting"
    summary = "appends numbers, and looks how far it got"
    exercises = (Exercise("overlapping-appends", 1),)

    def generator(self, options: WorkloadOptions) -> Generator:
        return Numbers(options)


@dataclass(frozen=True)
class Numbers:
    """The generator of :class:`Counting`. Without a number of operations it goes on until it is stopped."""

    options: WorkloadOptions
    done: int = 0

    def next(self, context: Context) -> Any:
        if script().next is not None and self.done > 3:
            raise script().next
        if self.options.operations is not None and self.done >= self.options.operations:
            return None
        if self.options.time_limit is not None and context.time > self.options.time_limit * 1e9:
            return None
        if not context.free:
            return PENDING, self
        stream = self.options.streams[self.done % len(self.options.streams)]
        call = CheckTail() if self.done % 2 else Append((Record(f"{self.options.seed}:{self.done}".encode()),))
        return Invocation(stream, call), Numbers(self.options, self.done + 1)

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        return self


class DoubleChecker:
    """Says what the script says."""

    name = "double"
    summary = "says what it is told to"
    anomalies = (Anomaly("double-trouble", "twice as bad", Severity.MINOR, "none", "there is no trouble"),)

    def check(self, history: History, limits: CheckLimits) -> CheckResult:
        if os.environ.get("DOUBLE_DIES") == "check":
            os.kill(os.getpid(), signal.SIGKILL)
        if "DOUBLE_SIGNALS_CHECK" in os.environ:
            os.kill(os.getpid(), int(os.environ["DOUBLE_SIGNALS_CHECK"]))
        if script().check is not None:
            raise script().check
        validity = Validity(os.environ.get("DOUBLE_SAYS", script().validity))
        stream = history.header.streams[0].name
        violation = Violation("double-trouble", stream, "there is no trouble", (int(history.id[0]),), (), ("It is.",))
        violations = (violation,) if validity is Validity.INVALID else ()
        return CheckResult(validity, violations, details={"seen": len(history)})


class DoublePlot:
    """Draws a file with a word in it."""

    name = "double"
    summary = "a file with a word in it"

    def draw(self, history: History, verdict: Verdict, folder: Path, formats: tuple[str, ...]) -> list[Path]:
        (folder / "double.png").write_text("half")
        if os.environ.get("DOUBLE_DIES") == "plot":
            os.kill(os.getpid(), signal.SIGKILL)
        if script().plot is not None:
            raise script().plot
        (folder / "double.png").write_text("whole")
        return [folder / "double.png"]


def unavailable(text: str = "the service has gone") -> TargetFailure:
    """A failure of the target."""
    return TargetFailure(text)
