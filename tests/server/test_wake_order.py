"""What waits is woken in the order in which it came, in every run of one scenario."""

from __future__ import annotations

import asyncio

from fencepost.harness.s2 import Read
from fencepost.harness.server.bodies import Patience
from fencepost.harness.server.service import Service

from .services import AT, one, serving, soon

RUNS = 20
READERS = 12


async def test_readers_wake_in_the_order_in_which_they_came() -> None:
    """Failed before: waiting readers were a set of futures, whose order is that of their addresses."""
    orders = set()
    rubbish = []
    for run in range(RUNS):
        woken: list[int] = []
        async with serving() as service:
            readers = [asyncio.create_task(_read(service, number, woken)) for number in range(READERS)]
            await asyncio.sleep(0)
            rubbish.append([object() for _ in range(run * 7)])  # so that no two runs have the same addresses free
            await soon(service.perform(*AT, one()))
            await soon(asyncio.gather(*readers))
        orders.add(tuple(woken))
    assert orders == {tuple(range(READERS))}


async def _read(service: Service, number: int, woken: list[int]) -> None:
    await service.perform(*AT, Read(seq_num=0, wait=60))
    woken.append(number)


async def test_late_bodies_are_ended_in_the_order_in_which_they_came() -> None:
    patience = Patience(0.01)
    ended: list[int] = []

    async def stall(number: int) -> None:
        try:
            with patience:
                await asyncio.sleep(60)
        except Exception:
            ended.append(number)

    await soon(asyncio.gather(*(stall(number) for number in range(READERS))))
    assert ended == list(range(READERS))
