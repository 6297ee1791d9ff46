"""Where an append, a session and the journal stand when a failpoint is reached."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any, NoReturn

import pytest

from fencepost.harness.s2 import Append, CheckTail, Read
from fencepost.harness.server.errors import ServiceError
from fencepost.harness.server.failpoints import FAILPOINTS, Failpoints
from fencepost.harness.server.service import Service
from fencepost.harness.world.control_messages import Action

from .services import AT, fence, one, serving, soon


class Crashed(BaseException):
    """The server is no more."""


def crash() -> NoReturn:
    raise Crashed


async def held(failpoints: Failpoints, name: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Begin some work and return when it is held at the failpoint."""
    reached = asyncio.Event()
    failpoints.reached = lambda at, hits: reached.set()
    failpoints.arm(name, Action.HOLD)
    task = asyncio.create_task(work)
    await soon(reached.wait())
    return task


async def tail(service: Service) -> int:
    return (await soon(service.perform(*AT, CheckTail()))).tail.seq_num


async def acks_of(service: Service, *batches: Append) -> list[int]:
    async def given() -> AsyncIterator[Append]:
        for batch in batches:
            yield batch

    session = await service.append_session(*AT)
    return [ack.end.seq_num async for group in session.acks(given()) for ack in group]


async def frames_of(service: Service) -> list[int]:
    return [len(frame.records) async for frame in await service.read_session(*AT, Read(seq_num=0, count=1))]


@pytest.mark.parametrize(
    ("name", "durable"),
    [("service.before-append", 0), ("journal.before-write", 0), ("service.sequenced", 1), ("service.before-answer", 1)],
)
async def test_an_append_is_held(name: str, durable: int) -> None:
    failpoints = Failpoints()
    async with serving(failpoints=failpoints) as service:
        task = await held(failpoints, name, service.perform(*AT, one()))
        for _ in range(10):
            await asyncio.sleep(0)
        assert await tail(service) == durable
        assert not task.done()
        failpoints.disarm(name)
        assert (await soon(task)).end.seq_num == 1


async def test_sessions_are_held() -> None:
    failpoints = Failpoints()
    async with serving(failpoints=failpoints) as service:
        task = await held(failpoints, "session.before-ack", acks_of(service, one(), one()))
        assert await tail(service) >= 1, "the batch is durable"
        failpoints.disarm("session.before-ack")
        assert await soon(task) == [1, 2]
        task = await held(failpoints, "session.before-frame", frames_of(service))
        failpoints.disarm("session.before-frame")
        assert await soon(task) == [1]


@pytest.mark.parametrize("name", ["service.before-append", "service.sequenced", "service.before-answer"])
async def test_an_append_fails_once(name: str) -> None:
    failpoints = Failpoints()
    async with serving(failpoints=failpoints) as service:
        failpoints.arm(name, Action.ERROR, times=1)
        with pytest.raises(ServiceError) as error:
            await soon(service.perform(*AT, one()))
        assert error.value.code == "storage"
        failpoints.disarm_all()
        applied = 0 if name == "service.before-append" else 1
        assert (await soon(service.perform(*AT, one()))).start.seq_num == applied


async def test_it_crashes_while_a_fence_is_applied_and_only_then() -> None:
    failpoints = Failpoints(crash=crash)
    async with serving(failpoints=failpoints) as service:
        failpoints.arm("service.fence-applied", Action.CRASH)
        await soon(service.perform(*AT, one()))
        with pytest.raises(Crashed):
            await service.perform(*AT, fence("token"))
        failpoints.disarm_all()


def test_every_failpoint_says_what_is_the_case_there() -> None:
    for name, row in FAILPOINTS.items():
        assert row.name == name
        assert Action.CRASH in row.actions
        assert Action.COUNT in row.actions
        assert len(row.meaning) > 20
