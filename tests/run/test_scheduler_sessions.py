"""The scheduler with sessions: who may have several operations in flight, and what a failure does to the others."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from fencepost import PENDING, Append, CheckTail, Completion, Context, Invocation, Read, Record
from fencepost.harness import scheduler as scheduling
from fencepost.harness.client.outcome import Definite, Indefinite, Ok
from fencepost.harness.generators import each_thread, follower, limit, pipeline, unfold
from fencepost.harness.history.history import NONE, History, Outcome
from fencepost.harness.s2 import Ack, Batch, Position, SequencedRecord
from fencepost.harness.workload import Step
from tests.run.doubles import TimedService
from tests.run.session_clients import ScriptedClient, ScriptedSession
from tests.run.stage import LOST, Calls, Stage, appends

ENDED = Ok(None)
REFUSED = Definite("seq_num_mismatch", 412, {"seq_num_mismatch": 7})
POISONED = Definite("session_poisoned", None, {"message": "batch 0 of its session failed before it"})
ACK = Ok(Ack(Position(0, 1), Position(1, 1), Position(1, 1)))


class Scripted:
    """A stage of one thread whose clients are scripted, and its run in the background."""

    def __init__(self, stage: Stage, *frames: Batch, ending: Any = ENDED) -> None:
        self.stage = stage
        self.clients: list[ScriptedClient] = []
        stage.threads = 1
        stage.connect = lambda: self._connect(frames, ending)

    def _connect(self, frames: Any, ending: Any) -> ScriptedClient:
        self.clients.append(ScriptedClient(TimedService(), frames, ending))
        return self.clients[-1]

    @property
    def sessions(self) -> list[ScriptedSession]:
        return [session for client in self.clients for session in client.sessions]

    def start(self, generator: Any) -> asyncio.Task[History]:
        return asyncio.create_task(self.stage.run(generator))

    async def submitted(self, session: int, batches: int) -> ScriptedSession:
        """Return the session once it has so many batches."""
        async with asyncio.timeout(5):
            while len(self.sessions) <= session or len(self.sessions[session].tickets) < batches:  # noqa: ASYNC110
                await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(self.sessions[session].tickets) == batches, "it submitted more"
        return self.sessions[session]


def numbered(number: int, context: Context) -> tuple[Invocation, int]:
    return Invocation("s", Append((Record(b"%d" % number),))), number + 1


def pipelined(operations: int, depth: int) -> Any:
    return limit(operations, each_thread(lambda thread: pipeline(depth, unfold(numbered, 0))))


async def test_batches_of_a_session_overlap_up_to_the_depth_and_share_a_process(stage: Stage) -> None:
    scripted = Scripted(stage)
    running = scripted.start(pipelined(8, depth=3))
    session = await scripted.submitted(0, 3)
    session.tickets[0].resolve(ACK)
    await scripted.submitted(0, 4)
    for number in range(1, 8):
        await scripted.submitted(0, min(number + 3, 8))
        session.tickets[number].resolve(ACK)
    history = await running
    assert [batch.records[0].body for batch in session.batches] == [b"%d" % n for n in range(8)]
    assert set(history.outcome) == {Outcome.OK}
    assert set(history.process) == {0}
    assert set(history.session) == {0}
    assert history.ended[0] > history.invoked[2]
    assert len(scripted.sessions) == 1


async def test_a_refusal_ends_the_session_and_keeps_the_process(stage: Stage) -> None:
    scripted = Scripted(stage)
    running = scripted.start(pipelined(4, depth=3))
    first = await scripted.submitted(0, 3)
    first.tickets[0].resolve(REFUSED)
    await scripted.submitted(0, 3)
    first.tickets[1].resolve(POISONED)
    first.tickets[2].resolve(POISONED)
    second = await scripted.submitted(1, 1)
    assert first.closed
    second.tickets[0].resolve(ACK)
    history = await running
    assert list(history.session) == [0, 0, 0, 1]
    assert set(history.process) == {0}
    assert len(scripted.clients) == 1
    assert [history.operation(row).code for row in range(3)] == ["seq_num_mismatch", *["session_poisoned"] * 2]


async def test_a_lost_batch_ends_the_session_and_the_process_once_all_of_it_has_ended(stage: Stage) -> None:
    scripted = Scripted(stage)
    running = scripted.start(pipelined(5, depth=3))
    first = await scripted.submitted(0, 3)
    first.tickets[0].resolve(LOST)
    first.tickets[1].resolve(Definite("not_sent", None, {}))
    await scripted.submitted(0, 3)
    assert len(scripted.sessions) == 1, "a batch is in flight: nobody acts under a new identity yet"
    first.tickets[2].resolve(Definite("not_sent", None, {}))
    second = await scripted.submitted(1, 2)
    assert scripted.clients[0].closed
    for ticket in second.tickets:
        ticket.resolve(ACK)
    history = await running
    assert list(history.session) == list(history.process) == [0, 0, 0, 1, 1]


async def test_a_thread_takes_nothing_else_while_batches_are_in_flight(stage: Stage) -> None:
    scripted = Scripted(stage)
    batch = Invocation("s", appends(1)[0].call, session=5)
    calls = Calls([batch, Invocation("s", CheckTail()), batch])
    running = scripted.start(calls)
    session = await scripted.submitted(0, 1)
    assert len(calls.left) == 2
    session.tickets[0].resolve(ACK)
    await scripted.submitted(0, 2)
    session.tickets[1].resolve(ACK)
    history = await running
    assert list(history.session) == [0, NONE, 0], "the session stays open beside what is no append"


async def test_another_number_is_another_session(stage: Stage) -> None:
    scripted = Scripted(stage)
    call = appends(1)[0].call
    running = scripted.start(Calls([Invocation("s", call, session=1), Invocation("s", call, session=2)]))
    first = await scripted.submitted(0, 1)
    first.tickets[0].resolve(ACK)
    second = await scripted.submitted(1, 1)
    assert first.closed
    second.tickets[0].resolve(ACK)
    assert list((await running).session) == [0, 1]


async def test_what_is_in_flight_when_the_run_ends_is_cancelled_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "_GRACE", 0.0)
    scripted = Scripted(stage)
    running = scripted.start(pipelined(8, depth=3))
    session = await scripted.submitted(0, 3)
    stage.stopping.set()
    history = await running
    session.tickets[0].resolve(ACK)  # too late: the history is closed
    await asyncio.sleep(0)
    assert [history.operation(row).code for row in range(3)] == ["cancelled by the harness"] * 3
    assert scripted.clients[0].closed


async def test_a_session_that_cannot_take_a_batch_is_a_crash(stage: Stage) -> None:
    scripted = Scripted(stage)
    running = scripted.start(pipelined(8, depth=3))
    session = await scripted.submitted(0, 3)
    session.closed = True
    session.tickets[0].resolve(ACK)
    for ticket in session.tickets[1:]:
        ticket.resolve(ACK)
    with pytest.raises(AssertionError):
        await running
    outcomes = stage.history.outcome
    assert list(outcomes) == [Outcome.OK] * 3 + [Outcome.INDEFINITE]


async def test_a_session_is_of_one_stream(stage: Stage) -> None:
    scripted = Scripted(stage)
    call = appends(1)[0].call
    calls = Calls([Invocation("s", call, session=1), Invocation("other", call, session=1)])
    running = scripted.start(calls)
    (await scripted.submitted(0, 1)).tickets[0].resolve(ACK)
    with pytest.raises(ValueError, match="a session is of one stream"):
        await running


async def test_a_pipeline_opens_another_session_for_another_stream(stage: Stage) -> None:
    def alternating(number: int, context: Context) -> tuple[Invocation, int]:
        return Invocation("st"[number // 2 % 2], Append((Record(b"%d" % number),))), number + 1

    scripted = Scripted(stage)
    stage.streams = ("s", "t")
    running = scripted.start(limit(4, each_thread(lambda thread: pipeline(3, unfold(alternating, 0)))))
    first = await scripted.submitted(0, 2)
    for ticket in first.tickets:
        ticket.resolve(ACK)
    for ticket in (await scripted.submitted(1, 2)).tickets:
        ticket.resolve(ACK)
    assert list((await running).session) == [0, 0, 1, 1]


# -- read sessions


def part(*seq_nums: int, tail: int | None = None) -> Batch:
    records = tuple(SequencedRecord(n, 1, (), b"%d" % n) for n in seq_nums)
    return Batch(records, None if tail is None else Position(tail, 1))


async def reading(stage: Stage, scripted: Scripted, read: Read) -> tuple[History, Calls]:
    calls = Calls([Invocation("s", read, session=9)])
    calls_then_wait = Patient(calls)
    return await scripted.start(calls_then_wait), calls


class Patient:
    """Another generator, which stays to hear of its last completion."""

    def __init__(self, inner: Calls) -> None:
        self.inner = inner

    def next(self, context: Context) -> Step:
        if self.inner.left or any(isinstance(event, Completion) for event in self.inner.told):
            step = self.inner.next(context)
            return None if step is None else (step[0], self)
        return PENDING, self

    def update(self, context: Context, event: Invocation | Completion) -> Patient:
        self.inner.update(context, event)
        return self


async def test_the_last_part_of_a_bounded_answer_completes_the_read(stage: Stage) -> None:
    scripted = Scripted(stage, part(0, 1), part(2), part(3, 4))
    history, calls = await reading(stage, scripted, Read(seq_num=0, count=5))
    assert list(history.part_of) == [NONE, 0, 0]
    assert history.session[0] == 0
    offset = history.reads.offset
    returned = [history.reads.seq_num[offset[row] : offset[row + 1]].tolist() for row in (1, 2, 0)]
    assert returned == [[0, 1], [2], [3, 4]]
    (completion,) = [event for event in calls.told if isinstance(event, Completion)]
    assert completion.reached == 5
    assert completion.outcome == Ok(part(3, 4))


async def test_each_part_of_a_followed_answer_is_recorded_as_it_comes(stage: Stage) -> None:
    scripted = Scripted(stage, part(0, 1, tail=2), part(tail=2))
    history, calls = await reading(stage, scripted, Read(seq_num=0, wait=1))
    assert list(history.part_of) == [NONE, 0, 0]
    assert history.outcome[0] == Outcome.OK
    (completion,) = [event for event in calls.told if isinstance(event, Completion)]
    assert completion.reached == 2


@pytest.mark.parametrize("ending", [LOST, Definite("storage", 503, {})])
async def test_what_came_before_a_failure_is_recorded(stage: Stage, ending: Definite | Indefinite) -> None:
    scripted = Scripted(stage, part(0, 1), part(2), ending=ending)
    history, calls = await reading(stage, scripted, Read(seq_num=0, count=5))
    assert list(history.part_of) == [NONE, 0, 0]
    assert history.outcome[0] != Outcome.OK
    (completion,) = [event for event in calls.told if isinstance(event, Completion)]
    assert completion.reached == 3


async def test_a_follower_goes_on_where_it_got_to(stage: Stage) -> None:
    scripted = Scripted(stage, part(0, 1), part(2))
    history = await scripted.start(limit(3, each_thread(lambda thread: follower("s", Read(wait=1)))))
    assert list(history.session[history.part_of == NONE]) == [0, 1, 2]
    events = [json.loads(line) for line in stage.path.read_text().splitlines()]
    assert [event["seq_num"] for event in events if event["type"] == "read"] == [0, 3, 3]


@pytest.mark.parametrize("make", [lambda: pipeline(0, Calls([])), lambda: follower("s", Read(tail_offset=1))])
def test_a_session_that_makes_no_sense_is_refused(make: Any) -> None:
    with pytest.raises(ValueError, match=r"must be at least 1|begins at a seq_num"):
        make()
