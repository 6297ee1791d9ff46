"""The scheduler with clients in memory: who acts under which identity, and every way in which driving them ends."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fencepost import PENDING, Append, Completion, Context, History, Invocation, Record, read_history
from fencepost.harness import scheduler as scheduling
from fencepost.harness.client.outcome import Definite, Indefinite, Ok
from fencepost.harness.history.events import SCHEMA, Header, StreamState
from fencepost.harness.history.history import NONE, Kind, Outcome
from fencepost.harness.history.recorder import Recorder
from fencepost.harness.scheduler import Scheduler
from tests.run.doubles import Answering, MemoryClient, TimedService

REFUSED = Definite("not_sent", None, {"message": "refused"})
LOST = Indefinite("the connection was lost")


class Calls:
    """A generator of the given invocations that notes what it is told. ``pending`` asks for patience that often."""

    def __init__(self, invocations: Iterable[Invocation], pending: int = 0) -> None:
        self.left = list(invocations)
        self.pending = pending
        self.told: list[Invocation | Completion] = []
        self.draws: list[float] = []

    def next(self, context: Context) -> Any:
        if not self.left:
            return None
        if self.pending:
            self.pending -= 1
            return PENDING, self
        if self.left[0].thread is not None and self.left[0].thread not in context.free:
            return PENDING, self
        self.draws.append(context.random.random())
        return self.left.pop(0), self

    def update(self, context: Context, event: Invocation | Completion) -> Calls:
        self.told.append(event)
        return self


def appends(number: int, **given: Any) -> list[Invocation]:
    return [Invocation("s", Append((Record(f"record {n}".encode()),)), **given) for n in range(number)]


@dataclass
class Stage:
    """A scheduler with a recorder and clients that do as ``answering`` says."""

    path: Path
    answering: Answering = lambda stream, call: None
    threads: int = 2
    seed: int = 1
    timeout: float = 5.0
    clients: list[MemoryClient] = field(default_factory=list)
    connect: Callable[[], MemoryClient] | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    scheduler: Scheduler | None = None

    async def run(self, generator: Any) -> History:
        """Run the generator to its end; the history. Whatever is raised is raised after the recorder was closed."""
        zero = time.monotonic_ns()

        def clock() -> int:
            return time.monotonic_ns() - zero

        header = Header(SCHEMA, "0", "test", self.seed, "2026-01-01T00:00:00+00:00", [StreamState("s")])
        recorder = Recorder(self.path, header, clock)
        service = TimedService()

        def connect() -> MemoryClient:
            self.clients.append(MemoryClient(service, self.answering))
            return self.clients[-1]

        self.scheduler = Scheduler(
            recorder,
            self.connect or connect,
            clock,
            threads=self.threads,
            seed=self.seed,
            timeout=self.timeout,
        )
        try:
            async with asyncio.timeout(20):
                await self.scheduler.run(generator, self.stopping)
        finally:
            recorder.close()
        return self.history

    @property
    def history(self) -> History:
        return read_history(self.path)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "history.jsonl")


def answers(*given: Any) -> Answering:
    """These, one a call; after them the service's own."""
    left = list(given)
    return lambda stream, call: left.pop(0) if left else None


async def test_every_operation_is_performed_and_the_generator_told_twice_of_each(stage: Stage) -> None:
    calls = Calls(appends(20), pending=3)
    history = await stage.run(calls)
    assert stage.scheduler is not None
    assert len(history) == stage.scheduler.completed == 20
    assert set(history.outcome) == {Outcome.OK}
    assert history.whole
    invoked = [event for event in calls.told if isinstance(event, Invocation)]
    completed = [event for event in calls.told if isinstance(event, Completion)]
    assert len(invoked) == 20
    assert len(completed) >= 20 - stage.threads, "all but those in flight when it had nothing more"
    assert all(event.thread is not None for event in invoked), "the generator is told which thread took it"
    assert all(isinstance(event.outcome, Ok) for event in completed)


async def test_a_thread_goes_on_under_a_new_identity_after_an_indefinite_end(stage: Stage) -> None:
    stage.threads = 1
    stage.answering = answers(None, LOST, None, LOST, LOST, None)
    calls = Calls(appends(7))
    history = await stage.run(calls)
    assert list(history.process) == [0, 0, 1, 1, 2, 3, 3]
    assert set(history.thread) == {0}
    for process in set(history.process):
        (rows,) = (history.process == process).nonzero()
        assert not (history.outcome[rows[:-1]] == Outcome.INDEFINITE).any(), "it acted after an indefinite end"
    # Each identity has a connection of its own, and lets go of it.
    assert [len(client.calls) for client in stage.clients] == [2, 2, 1, 2]
    assert all(client.closed for client in stage.clients)
    told = [event.process for event in calls.told if isinstance(event, Completion)]
    assert told == [0, 0, 1, 1, 2, 3, 3]


async def test_identities_are_never_given_twice(stage: Stage) -> None:
    stage.threads = 3
    stage.answering = lambda stream, call: LOST if len(stage.clients) < 20 else None
    history = await stage.run(Calls(appends(40)))
    lost = [int(p) for p, o in zip(history.process, history.outcome, strict=True) if o == Outcome.INDEFINITE]
    assert len(lost) == len(set(lost)) > 10
    assert stage.scheduler is not None
    assert stage.scheduler.next_process() > max(history.process)


async def test_a_definite_failure_keeps_the_identity(stage: Stage) -> None:
    stage.threads = 1
    stage.answering = answers(Definite("rate_limited", 429, {}), Definite("seq_num_mismatch", 412, {}))
    history = await stage.run(Calls(appends(4)))
    assert set(history.process) == {0}
    assert len(stage.clients) == 1


async def test_a_refused_connection_makes_the_thread_pause_ever_longer(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float, *rest: Any) -> None:
        if seconds:
            pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(scheduling.asyncio, "sleep", noted)
    stage.threads = 1
    stage.answering = answers(*[REFUSED] * 8, None, REFUSED)
    history = await stage.run(Calls(appends(12)))
    first, longest = scheduling._BACK_OFF
    doubled = [min(first * 2**n, longest) for n in range(8)]
    assert pauses == [*doubled, first], "doubled up to the longest, and short again after a success"
    assert pauses[7] == longest
    assert set(history.process) == {0}, "what was not sent is definite"


async def test_a_pausing_thread_does_not_hold_up_the_others(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    pausing = asyncio.Event()
    done = asyncio.Event()
    sleep = asyncio.sleep

    async def until_the_others_are_done(seconds: float, *rest: Any) -> None:
        if seconds:
            pausing.set()
            await done.wait()
        await sleep(0)

    monkeypatch.setattr(scheduling.asyncio, "sleep", until_the_others_are_done)
    stage.answering = answers(REFUSED)
    calls = Calls(appends(30))
    running = asyncio.create_task(stage.run(calls))
    async with asyncio.timeout(10):
        await pausing.wait()
        while calls.left:
            await sleep(0.001)
    done.set()
    history = await running
    assert len(history) == 30
    assert list(history.thread).count(1) == 29


async def test_what_is_in_flight_when_the_generator_ends_is_awaited(stage: Stage) -> None:
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    stage.answering = lambda stream, call: gate if b"record 2" in call.records[0].body else None
    calls = Calls(appends(3))
    running = asyncio.create_task(stage.run(calls))
    while calls.left or len(stage.clients[0].calls + stage.clients[1].calls) < 3:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    assert not running.done()
    gate.set_result(None)
    history = await running
    assert list(history.outcome) == [Outcome.OK] * 3


async def test_what_does_not_end_after_the_generator_has_is_cancelled_and_indefinite(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "_SLACK", 0.01)
    stage.timeout = 0.01
    stage.answering = lambda stream, call: asyncio.get_running_loop().create_future()
    history = await stage.run(Calls(appends(1)))
    assert history.operation(0).code == "cancelled by the harness"
    assert history.operation(0).outcome is Outcome.INDEFINITE


async def test_a_stop_ends_the_asking_and_lets_what_is_in_flight_finish(stage: Stage) -> None:
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answering(stream: str, call: Any) -> Any:
        stage.stopping.set()
        asyncio.get_running_loop().call_soon(lambda: None if gate.done() else gate.set_result(None))
        return gate

    stage.answering = answering
    calls = Calls(appends(1000))
    history = await stage.run(calls)
    assert calls.left, "it went on after the stop"
    assert 1 <= len(history) <= stage.threads
    assert set(history.outcome) == {Outcome.OK}


async def test_after_a_stop_what_hangs_is_cancelled_after_the_grace(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "_GRACE", 0.01)

    def answering(stream: str, call: Any) -> Any:
        stage.stopping.set()
        return asyncio.get_running_loop().create_future()

    stage.answering = answering
    stage.timeout = 3600
    history = await stage.run(Calls(appends(5)))
    assert {history.operation(row).code for row in range(len(history))} == {"cancelled by the harness"}
    assert all(client.closed for client in stage.clients)


async def test_a_stop_wakes_a_scheduler_that_waits_for_a_distant_start(stage: Stage) -> None:
    calls = Calls([*appends(1), *appends(1, time=3600 * 10**9)])
    running = asyncio.create_task(stage.run(calls))
    while calls.left:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    stage.stopping.set()
    assert len(await running) == 1


async def test_an_open_loop_keeps_the_intended_start_and_begins_no_earlier(stage: Stage) -> None:
    intended = [n * 2_000_000 for n in range(30)]
    history = await stage.run(Calls([appends(1, time=at)[0] for at in intended]))
    assert list(history.intended) == intended
    assert (history.invoked >= history.intended).all()


async def test_when_all_threads_are_busy_the_intended_start_does_not_move(stage: Stage) -> None:
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    stage.threads = 1
    stage.answering = lambda stream, call: gate
    calls = Calls([appends(1, time=at)[0] for at in (0, 1, 2, 3)])
    running = asyncio.create_task(stage.run(calls))
    while not stage.clients or not stage.clients[0].calls:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    gate.set_result(None)
    history = await running
    assert list(history.intended) == [0, 1, 2, 3]
    assert (history.invoked[1:] >= history.ended[:-1]).all(), "one thread does one thing at a time"


async def test_a_thread_that_was_asked_for_takes_it(stage: Stage) -> None:
    stage.threads = 3
    wanted = [2, 0, 1, 1, 2, 2, 0]
    history = await stage.run(Calls([appends(1, thread=thread)[0] for thread in wanted]))
    assert list(history.thread) == wanted
    assert list(history.process) == wanted


async def test_the_seed_fixes_what_a_generator_draws(tmp_path: Path) -> None:
    drawn = []
    for number, seed in enumerate((7, 7, 8)):
        calls = Calls(appends(10), pending=number)  # how often it was asked must not matter
        await Stage(tmp_path / str(number), threads=1, seed=seed).run(calls)
        drawn.append(calls.draws)
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]
    assert len(set(drawn[0])) == 10


# -- what goes wrong


async def test_a_client_that_raises_is_a_crash_in_the_history_and_of_the_run(stage: Stage) -> None:
    stage.answering = answers(None, ZeroDivisionError("a slip of the pen"))
    calls = Calls(appends(50))
    with pytest.raises(ZeroDivisionError, match="slip of the pen"):
        await stage.run(calls)
    (remark,) = stage.history.remarks
    assert remark.kind == "crash"
    assert "ZeroDivisionError: a slip of the pen" in remark.text
    assert "Traceback" in remark.text
    rows = [r for r in range(len(stage.history)) if stage.history.outcome[r] == Outcome.INDEFINITE]
    assert len(rows) == 1, "what raised may have taken effect; all else has its answer"
    assert calls.left, "the run went on after a crash"
    assert all(client.closed for client in stage.clients)


async def test_a_generator_that_raises_ends_the_run_and_what_is_in_flight_is_recorded(stage: Stage) -> None:
    class Raising(Calls):
        def next(self, context: Context) -> Any:
            if len(self.left) == 1:
                raise LookupError("the generator is at its wits' end")
            return super().next(context)

    stage.threads = 4
    stage.answering = lambda stream, call: asyncio.get_running_loop().create_future()
    with pytest.raises(LookupError, match="wits' end"):
        await stage.run(Raising(appends(4)))
    assert [stage.history.operation(row).code for row in range(3)] == ["cancelled by the harness"] * 3


async def test_a_generator_that_raises_when_it_is_told_ends_the_run(stage: Stage) -> None:
    class Raising(Calls):
        def update(self, context: Context, event: Invocation | Completion) -> Calls:
            if isinstance(event, Completion):
                raise LookupError("it did not want to know")
            return self

    with pytest.raises(LookupError, match="did not want to know"):
        await stage.run(Raising(appends(4)))


@pytest.mark.parametrize("thread", [2, -1])
async def test_a_thread_that_there_is_not_is_an_error_not_a_wait_for_ever(stage: Stage, thread: int) -> None:
    class Insistent(Calls):
        def next(self, context: Context) -> Any:
            return appends(1, thread=thread)[0], self

    with pytest.raises(ValueError, match=f"thread {thread}, which is not free"):
        await stage.run(Insistent([]))


async def test_a_stream_that_is_none_of_the_run_is_an_error_and_leaves_the_history_readable(stage: Stage) -> None:
    elsewhere = Invocation("elsewhere", Append((Record(b"x"),)))
    with pytest.raises(ValueError, match="'elsewhere' is none of this run's"):
        await stage.run(Calls([*appends(2), elsewhere]))
    assert len(stage.history) == 2


async def test_a_client_that_cannot_be_made_anew_ends_the_run(stage: Stage) -> None:
    service = TimedService()
    made: list[MemoryClient] = []

    def connect() -> MemoryClient:
        if len(made) == stage.threads:
            raise LookupError("no more clients")
        made.append(MemoryClient(service, answers(LOST)))
        return made[-1]

    stage.connect = connect
    with pytest.raises(LookupError, match="no more clients"):
        await stage.run(Calls(appends(50)))


@pytest.mark.parametrize("written", [0, 10], ids=["nothing", "half-a-line"])
async def test_a_full_disk_ends_the_run_and_what_was_recorded_stays_readable(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    write, lines = os.write, 0
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def limited(descriptor: int, data: Any) -> int:
        nonlocal lines
        if not bytes(data[:1]) == b"{":
            raise full
        lines += 1
        if lines < 12:
            return write(descriptor, data)
        if lines == 12 and written:
            return write(descriptor, data[:written])
        if lines == 12:
            raise full
        return write(descriptor, data)  # there is room again: a line after a torn one would spoil the file

    monkeypatch.setattr("fencepost.harness.history.recorder.os.write", limited)
    with pytest.raises(OSError, match="No space left"):
        await stage.run(Calls(appends(50)))
    history = stage.history
    assert not history.whole
    assert bool(history.warnings) == bool(written)
    assert len(history) + sum(history.ended != 2**63 - 1) == 10, "the lines before the one that did not fit"
    assert (history.kind == Kind.APPEND).all()
    assert (history.thread != NONE).all()
