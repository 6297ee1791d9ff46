"""Faults in runs: each strike is in the history, what fails fails the run, and everything is healed however it ends."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from fencepost import Append, Completion, History, Ok, StreamState, TargetFailure
from fencepost.harness.exits import ExitCode
from fencepost.harness.generators import (
    after,
    cycle,
    heal_fault,
    on_update,
    once,
    phases,
    start_fault,
    when,
)
from fencepost.harness.history.events import SCHEMA, Header
from fencepost.harness.history.reader import read_history
from fencepost.harness.history.recorder import Recorder
from fencepost.harness.nemesis import nemesis as performing
from fencepost.harness.nemesis.fault import Fault, FaultFailure
from fencepost.harness.nemesis.nemesis import Nemesis
from fencepost.harness.run import FAULTS
from fencepost.harness.workload import Invocation, Strike
from fencepost.testing.faults import KillableTarget, ScriptedFault
from tests.run import doubles
from tests.run.conftest import Run


def strikes(history: History) -> list[tuple[str, str]]:
    return [(fault.name, fault.phase) for fault in history.faults]


# -- whoever performs strikes


@pytest.fixture
def journal(tmp_path: Path) -> Recorder:
    header = Header(SCHEMA, "1", "w", 1, "now", [StreamState("s")])
    ticks = iter(range(10**9))
    return Recorder(tmp_path / "history.jsonl", header, lambda: next(ticks))


def recorded(journal: Recorder) -> list[tuple[str, str, str]]:
    journal.close()
    return [(fault.name, fault.phase, fault.detail) for fault in read_history(journal.path).faults]


@pytest.mark.parametrize("error", [TargetFailure("no such process"), ZeroDivisionError("a slip")], ids=repr)
async def test_a_start_that_failed_is_healed(journal: Recorder, error: Exception) -> None:
    """Before, a start that failed half-way was left as it was."""
    fault = ScriptedFault("broken")
    fault.fail_start = error
    nemesis = Nemesis([fault], KillableTarget(), journal)
    with pytest.raises(FaultFailure if isinstance(error, TargetFailure) else ZeroDivisionError, match=str(error)):
        await nemesis.strike(Strike("broken", "start"))
    await nemesis.heal_all()
    assert fault.log == ["start", "heal"]
    assert recorded(journal) == [("broken", "start", ""), ("broken", "failure", str(error)), ("broken", "heal", "")]


async def test_a_start_that_was_cancelled_is_healed(journal: Recorder) -> None:
    target = KillableTarget()
    nemesis = Nemesis([FAULTS.make("kill")], target, journal)
    task = asyncio.create_task(nemesis.strike(Strike("kill", "start")))
    await asyncio.sleep(0)  # it takes two turns
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not target.running
    await nemesis.heal_all()
    assert target.running


async def test_every_fault_is_healed_the_last_one_first_and_one_failure_hides_no_other(journal: Recorder) -> None:
    order: list[str] = []

    class Noted(ScriptedFault):
        async def heal(self, target: Any) -> None:
            order.append(self.name)
            await super().heal(target)

    faults = [Noted("a"), Noted("b"), Noted("c")]
    faults[0].fail_heal, faults[1].fail_heal = TargetFailure("stuck"), ZeroDivisionError("a slip")
    nemesis = Nemesis(faults, KillableTarget(), journal)
    for fault in faults:
        await nemesis.strike(Strike(fault.name, "start"))
    with pytest.raises(FaultFailure) as failure:
        await nemesis.heal_all()
    assert order == ["c", "b", "a"]
    assert str(failure.value) == (
        "the fault 'b' could not be healed: ZeroDivisionError: a slip; the fault 'a' could not be healed: stuck"
    )
    for fault in faults:
        fault.fail_heal = None
    await nemesis.heal_all()
    assert order == ["c", "b", "a", "b", "a"], "what is healed is not healed again"
    await nemesis.heal_all()
    assert len(order) == 5


async def test_a_strike_that_hangs_is_a_failure(journal: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging(ScriptedFault):
        async def start(self, target: Any) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(performing, "LIMIT", 0.01)
    nemesis = Nemesis([Hanging("hanging")], KillableTarget(), journal)
    with pytest.raises(FaultFailure, match="'hanging' could not be started: it took longer than 0"):
        await nemesis.strike(Strike("hanging", "start"))


async def test_a_strike_with_a_fault_of_no_part_in_the_run_is_refused(journal: Recorder) -> None:
    with pytest.raises(ValueError, match="strikes with 'kill', but the run has: a"):
        await Nemesis([ScriptedFault("a")], KillableTarget(), journal).strike(Strike("kill", "start"))


# -- in runs


def scripted(name: str, schedule: Any, registered: dict[str, Fault]) -> ScriptedFault:
    fault = registered[name] = ScriptedFault(name, schedule)
    return fault


def test_faults_overlap_and_everything_is_healed_when_the_clients_have_finished(
    run: Run, registered: dict[str, Fault]
) -> None:
    for name, healing in (("outer", 0.06), ("inner", 0.02)):
        scripted(name, phases(once(start_fault(name)), after(healing, once(heal_fault(name)))), registered)
    lasting = scripted("lasting", once(start_fault("lasting")), registered)
    history = run(faults=("outer", "inner", "lasting"), operations=None, time_limit=0.15).history
    (*first, then, last, end) = strikes(history)
    assert sorted(first) == [("inner", "start"), ("lasting", "start"), ("outer", "start")]
    assert (then, last) == (("inner", "heal"), ("outer", "heal"))
    assert end == ("lasting", "heal"), "the schedule left it in force"
    assert lasting.log == ["start", "heal"]
    times = [fault.time for fault in history.faults]
    assert times == sorted(times)
    assert times[-1] <= next(remark.time for remark in history.remarks if remark.text == "closing")


@pytest.mark.parametrize("signals", [1, 2])
def test_everything_is_healed_after_ctrl_c(
    run: Run, registered: dict[str, Fault], script: doubles.Script, signals: int
) -> None:
    fault = scripted("lasting", once(start_fault("lasting")), registered)
    calls = 0

    def answering(stream: str, call: Any) -> Any:
        nonlocal calls
        calls += 1
        if fault.log and calls > 20:
            for _ in range(signals):
                os.kill(os.getpid(), signal.SIGINT)
            calls = -(10**9)
        return None

    script.answering = answering
    result = run(faults=("lasting",), operations=None, time_limit=20.0)
    assert result.interrupted
    assert fault.log == ["start", "heal"]
    assert strikes(result.history) == [("lasting", "start"), ("lasting", "heal")]
    assert script.log[-1] == "torn down"


def test_everything_is_healed_after_a_crash_of_the_run(
    run: Run, registered: dict[str, Fault], script: doubles.Script
) -> None:
    fault = scripted("lasting", once(start_fault("lasting")), registered)
    script.answering = lambda stream, call: ZeroDivisionError("a slip") if fault.log else None
    result = run(faults=("lasting",), operations=None, time_limit=20.0)
    assert result.exit_code is ExitCode.CRASH
    assert "a slip" in (result.crash or "")
    assert fault.log == ["start", "heal"]


def test_a_schedule_that_raises_fails_the_run_and_all_is_healed(run: Run, registered: dict[str, Fault]) -> None:
    def surprised(generator: Any, context: Any, event: Any) -> Any:
        if fault.log and isinstance(event, Completion):
            raise LookupError("out of ideas")
        return generator.update(context, event)

    never = when(lambda event: False, once(start_fault("lasting")))
    fault = scripted("lasting", on_update(surprised, phases(once(start_fault("lasting")), never)), registered)
    result = run(faults=("lasting",), operations=None, time_limit=20.0)
    assert result.exit_code is ExitCode.CRASH
    assert "out of ideas" in (result.crash or "")
    assert fault.log == ["start", "heal"]


def test_a_script_stops_the_writer_once_it_holds_the_fence(
    run: Run, registered: dict[str, Fault], script: doubles.Script
) -> None:
    """A schedule reacts to what clients did: Jepsen's nemeses can, ours could not."""
    going = asyncio.Event()
    held: list[Append] = []

    class Pause(ScriptedFault):
        async def start(self, target: Any) -> None:
            going.clear()

        async def heal(self, target: Any) -> None:
            going.set()

    def took_over(event: Invocation | Completion) -> bool:
        completed = isinstance(event, Completion) and isinstance(event.outcome, Ok)
        return completed and event.invocation.purpose == "take-over"

    async def hold() -> None:
        await going.wait()

    def answering(stream: str, call: Any) -> Any:
        if going.is_set() or not isinstance(call, Append) or call.fencing_token is None:
            return None
        held.append(call)
        return hold()

    going.set()
    script.answering = answering
    registered["pause"] = Pause(
        "pause", when(took_over, phases(once(start_fault("pause")), after(0.05, once(heal_fault("pause")))))
    )
    result = run(workload="fenced", faults=("pause",), operations=200, clients=4)
    assert result.crash is None
    history = result.history
    assert strikes(history)[:2] == [("pause", "start"), ("pause", "heal")]
    started, healed = (fault.time for fault in history.faults[:2])
    operations = [history.operation(row) for row in range(len(history))]
    first = next(op for op in operations if op.purpose == "take-over" and op.ack is not None)
    assert started >= first.ended, "it strikes when the fence is held"
    assert held, "the writer went on, and was stopped"
    stopped = [op for op in operations if started <= op.invoked <= healed and op.fencing_token is not None]
    assert stopped
    assert all(op.ended >= healed for op in stopped)


def test_a_fault_that_only_waits_lets_the_clients_work_and_end(run: Run, registered: dict[str, Fault]) -> None:
    scripted("idle", when(lambda event: False, once(start_fault("idle"))), registered)
    result = run(faults=("idle",))
    assert result.exit_code is ExitCode.VALID
    assert not result.history.faults
    assert len(result.history) >= 20


def test_no_client_performs_a_strike_and_the_nemesis_no_operation(run: Run, registered: dict[str, Fault]) -> None:
    scripted("often", cycle(phases(once(start_fault("often")), once(heal_fault("often")))), registered)
    history = run(faults=("often",), operations=60, clients=3).history
    assert len(history.faults) > 4
    assert {history.operation(row).purpose for row in range(len(history))} <= {"", "closing-fence", "closing-read"}
    assert history.thread.min() >= -1
    assert set(history.process[:60].tolist()) <= set(range(100))
