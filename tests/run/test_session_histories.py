"""Sessions from the generator to the verdict, over clients in the process of the test.

Pipelined appends that are poisoned now and then, followers, readers; sessions that break off, and a tail of operations
that are cancelled when the run is stopped.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import pytest

import fencepost
from fencepost import Append, CheckTail, Generator, Invocation, Read, Record, Validity
from fencepost.harness import scheduler as scheduling
from fencepost.harness.client.protocol import StreamClient
from fencepost.harness.closing import Closer
from fencepost.harness.generators import each_thread, follower, limit, mix, pipeline, repeat, reserve, unfold
from fencepost.harness.history.events import SCHEMA, Header, StreamState
from fencepost.harness.history.history import NONE, Kind, Outcome
from fencepost.harness.history.recorder import Recorder
from fencepost.harness.scheduler import Scheduler
from fencepost.harness.server.service import Service
from fencepost.harness.workload import Context
from tests.run.session_clients import LossyClient, WrongClient
from tests.server.services import STREAM, serving

DEPTH = 6
WRITERS = 3


@dataclass(frozen=True)
class Batches:
    """Numbered batches of one thread; one in fifteen gives a position that never comes."""

    thread: int

    def __call__(self, number: int, context: Context) -> tuple[Invocation, int]:
        records = tuple(Record(b"t%d-%d.%d" % (self.thread, number, n)) for n in range(context.random.randrange(1, 4)))
        match = 10**9 if context.random.random() < 1 / 15 else None
        return Invocation(STREAM, Append(records, match_seq_num=match)), number + 1


def work(operations: int) -> Generator:
    writers = each_thread(lambda thread: pipeline(DEPTH, unfold(Batches(thread), 0)))
    followers = each_thread(lambda thread: follower(STREAM, Read(wait=1, count=12 if thread % 2 else None)))
    others = mix((2, repeat(Invocation(STREAM, CheckTail()))), (1, repeat(Invocation(STREAM, Read(tail_offset=5)))))
    return limit(operations, reserve((WRITERS, writers), (2, followers), rest=limit(operations // 6, others)))


async def record(path: Path, seed: int, connect: Callable[[Service], StreamClient], operations: int = 300) -> None:
    zero = time.monotonic_ns()

    def clock() -> int:
        return time.monotonic_ns() - zero

    streams = [StreamState(STREAM)]
    recorder = Recorder(path, Header(SCHEMA, "0", "sessions", seed, "2026-01-01T00:00:00+00:00", streams), clock)
    stopping = asyncio.Event()
    async with serving() as service:
        scheduler = Scheduler(
            recorder,
            lambda: connect(service),
            clock,
            threads=WRITERS + 3,
            streams=lambda *names: Random(repr((seed, *names))),
            timeout=5.0,
        )
        running = asyncio.create_task(scheduler.run(work(operations), stopping))
        while scheduler.completed < operations * 0.8:  # noqa: ASYNC110
            await asyncio.sleep(0)
        stopping.set()  # followers wait for more, and batches are in flight
        await running
        await Closer(recorder, lambda: connect(service), scheduler.next_process).close(streams, "run")
    recorder.close()


@pytest.fixture(autouse=True)
def _no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "_GRACE", 0.0)


@pytest.mark.parametrize("seed", range(4))
async def test_a_correct_service_is_valid(tmp_path: Path, seed: int) -> None:
    path, losses = tmp_path / "history.jsonl", Random(seed)
    await record(path, seed, lambda service: LossyClient(service, losses))
    result = fencepost.check(path)
    assert result.validity is Validity.VALID, f"seed {seed}: {result}"
    history = result.history
    batches = (history.session != NONE) & (history.kind == Kind.APPEND)
    sessions = [np.flatnonzero(batches & (history.session == session)) for session in set(history.session[batches])]
    assert len(sessions) > 5, f"seed {seed}: after a failure a new session"
    assert all(len(set(history.process[rows])) == 1 for rows in sessions)
    assert all((np.diff(history.invoked[rows]) >= 0).all() for rows in sessions)
    in_flight = [
        int((history.ended[rows[:n]] > history.invoked[row]).sum()) for rows in sessions for n, row in enumerate(rows)
    ]
    assert max(in_flight) == DEPTH - 1, f"seed {seed}: pipelined to its depth, and no deeper"
    outcomes = {(kind, outcome) for kind, outcome in zip(history.kind, history.outcome, strict=True)}
    assert {(Kind.APPEND, outcome) for outcome in Outcome} <= outcomes, f"seed {seed}: some are lost, some refused"
    assert (history.part_of != NONE).sum() > 20, f"seed {seed}: followers answer in parts"
    cancelled = [row for row in range(len(history)) if history.operation(row).code == "cancelled by the harness"]
    assert cancelled, f"seed {seed}: the followers at least"


@pytest.mark.parametrize(("backwards", "anomaly"), [(True, "session-order"), (False, "session-poison")])
async def test_a_service_that_breaks_the_promise_of_a_session_is_found_out(
    tmp_path: Path, backwards: bool, anomaly: str
) -> None:
    path = tmp_path / "history.jsonl"
    await record(path, 1, lambda service: WrongClient(service, backwards=backwards))
    result = fencepost.check(path)
    assert result.validity is Validity.INVALID
    assert anomaly in {violation.anomaly for violation in result.violations}
