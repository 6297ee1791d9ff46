"""The scheduler with clients in memory: who acts under which identity, and every way in which driving them ends."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from fencepost import Completion, Context, Invocation
from fencepost.harness import scheduler as scheduling
from fencepost.harness.client.outcome import Definite, Ok
from fencepost.harness.generators import beside, clients, nemesis
from fencepost.harness.history.history import Outcome
from fencepost.harness.workload import NEMESIS, Strike
from tests.run.stage import LOST, REFUSED, Calls, Stage, answers, appends


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
    while len(calls.told) < 2:  # noqa: ASYNC110
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
        calls = Calls(appends(10), pending=number)  # how often it is asked must not matter
        await Stage(tmp_path / str(number), threads=1, seed=seed).run(calls)
        drawn.append(calls.draws)
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]
    assert len(set(drawn[0])) == 10


async def test_the_nemesis_strikes_beside_the_clients(stage: Stage) -> None:
    """Strikes are operations of a thread of their own: the generator gives them and hears how they ended."""
    strikes = [Strike("hiccup", "start"), Strike("hiccup", "heal")]
    performed: list[Strike] = []
    free: set[tuple[int, ...]] = set()

    async def strike(given: Strike) -> Ok[None]:
        await asyncio.sleep(0)
        performed.append(given)
        return Ok(None)

    class Seen(Calls):
        def next(self, context: Context) -> Any:
            free.add(context.threads)
            return super().next(context)

    stage.strike = strike
    faults = Calls([Invocation("", given) for given in strikes])
    work = Seen(appends(30))
    history = await stage.run(beside(clients(work), nemesis(faults)))
    assert performed == strikes
    told = [event.outcome for event in faults.told if isinstance(event, Completion) and event.thread == NEMESIS]
    assert told == [Ok(None)], "a generator hears no more once it is exhausted"
    assert {event.thread for event in faults.told} == {NEMESIS, 0, 1}, "it hears of clients, too"
    assert free == {(0, 1)}, "the clients' generator sees no other thread"
    assert len(history) == 30
    assert NEMESIS not in {event.thread for event in work.told}


async def test_a_strike_that_fails_ends_the_run(stage: Stage) -> None:
    async def strike(given: Strike) -> Ok[None]:
        raise LookupError("there is nothing to strike")

    stage.strike = strike
    calls = Calls(appends(1000))
    with pytest.raises(LookupError, match="nothing to strike"):
        await stage.run(beside(clients(calls), nemesis(Calls([Invocation("", Strike("hiccup", "start"))]))))
    assert calls.left


async def test_a_strike_that_lies_far_ahead_keeps_no_client_waiting(stage: Stage) -> None:
    """Before, whoever had nothing for a moment was asked again only when the strike was due."""
    far = Invocation("", Strike("hiccup", "start"), time=3600 * 10**9)
    work = Calls(appends(4), pending=2)
    stage.strike = unused_strike
    async with asyncio.timeout(10):
        history = await stage.run(beside(clients(work), nemesis(Calls([far]))))
    assert len(history) == 4


async def unused_strike(given: Strike) -> Ok[None]:
    raise AssertionError(f"{given} lies an hour ahead")


async def test_what_is_cancelled_is_recorded_in_the_order_of_threads(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failed when tasks in flight were kept in a set, whose order is that of their addresses in memory."""
    monkeypatch.setattr(scheduling, "_GRACE", 0.0)

    def answering(stream: str, call: Any) -> Any:
        if sum(len(client.calls) for client in stage.clients) == stage.threads:
            stage.stopping.set()
        return asyncio.get_running_loop().create_future()

    stage.threads = 24
    stage.answering = answering
    await stage.run(Calls(appends(24)))
    events = [json.loads(line) for line in stage.path.read_text().splitlines()]
    cancelled = [event["op"] for event in events if event["type"] == "indefinite"]
    threads = {event["op"]: event["thread"] for event in events if event["type"] == "append"}
    assert [threads[op] for op in cancelled] == list(range(24))
