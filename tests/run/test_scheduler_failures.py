"""What goes wrong while a scheduler drives clients."""

from __future__ import annotations

import asyncio
import errno
import os
from typing import Any

import pytest

from fencepost import PENDING, Append, CheckTail, Completion, Context, Invocation, Ok, Position, Record, Tail
from fencepost.harness.generators import each_thread, repeat
from fencepost.harness.history.history import NONE, Kind, Outcome
from tests.run.doubles import MemoryClient, TimedService
from tests.run.stage import LOST, Calls, Stage, answers, appends


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


@pytest.mark.parametrize("sent", [True, False], ids=["in flight", "not yet sent"])
async def test_a_generator_that_raises_ends_the_run_and_what_it_had_given_is_recorded(stage: Stage, sent: bool) -> None:
    class Raising(Calls):
        def next(self, context: Context) -> Any:
            if len(self.left) > 1:
                return super().next(context)
            if sent and sum(len(client.calls) for client in stage.clients) < 3:
                return PENDING, self
            raise LookupError("the generator is at its wits' end")

    stage.threads = 4
    stage.answering = lambda stream, call: asyncio.get_running_loop().create_future()
    with pytest.raises(LookupError, match="wits' end"):
        await stage.run(Raising(appends(4)))
    codes = [stage.history.operation(row).code for row in range(3)]
    assert codes == ["cancelled by the harness" if sent else "not_sent"] * 3


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


async def test_a_client_that_is_cancelled_by_itself_ends_the_run(stage: Stage) -> None:
    def answering(stream: str, call: Any) -> Any:
        cancelled = asyncio.get_running_loop().create_future()
        cancelled.cancel()
        return cancelled

    stage.threads = 1
    stage.answering = answering
    with pytest.raises(RuntimeError, match="client of thread 0 was cancelled"):
        await stage.run(Calls(appends(3)))
    assert stage.history.operation(0).outcome is Outcome.INDEFINITE


async def test_a_client_that_never_waits_keeps_nobody_from_stopping_the_run(stage: Stage) -> None:
    class Immediate(MemoryClient):
        async def _call(self, stream: str, call: Any) -> Any:
            return Ok(Tail(Position(0, 0)))

    made: list[MemoryClient] = []
    stage.connect = lambda: made.append(Immediate(TimedService())) or made[-1]  # type: ignore[func-returns-value]
    asyncio.get_running_loop().call_later(0.01, stage.stopping.set)
    history = await stage.run(each_thread(lambda thread: repeat(Invocation("s", CheckTail()))))
    assert set(history.thread) == {0, 1}, "one thread took all the time"
