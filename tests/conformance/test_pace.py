"""An endpoint never gets more requests per second than its owner allows."""

from __future__ import annotations

import asyncio

import pytest

from fencepost.harness.conformance.pace import Pace
from tests.server.virtual_time import run


async def departures(rate: float) -> list[float]:
    """When requests leave: five one after the other, five at once, and one after a pause."""
    pace = Pace(rate)
    times: list[float] = []

    async def leave() -> None:
        await pace.turn()
        times.append(asyncio.get_running_loop().time())

    for _ in range(5):
        await leave()
    await asyncio.gather(*(leave() for _ in range(5)))
    await asyncio.sleep(10)
    await leave()
    return times


def test_requests_keep_their_distance() -> None:
    times = run(departures(4))
    assert times == pytest.approx([number / 4 for number in range(10)] + [9 / 4 + 10])


def test_without_a_rate_nothing_waits() -> None:
    assert run(departures(0)) == [0.0] * 10 + [10.0]
