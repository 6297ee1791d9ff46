"""Strikes a target on the schedules of its faults, and writes every strike into the history."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

from ..history.recorder import Recorder
from ..targets.target import Target
from .fault import Fault


class Nemesis:
    """Runs the faults of one run, one at a time and each with its own schedule.

    A fault that could not be injected or healed is recorded and then raised: it fails the run.
    """

    def __init__(self, faults: Sequence[Fault], target: Target, recorder: Recorder, seed: int) -> None:
        self._faults = faults
        self._target = target
        self._recorder = recorder
        self._random = Random(f"nemesis {seed}")

    async def run(self, ending: asyncio.Event) -> None:
        """Strike until ``ending`` is set; whatever was struck is healed when this returns."""
        while self._faults and not ending.is_set():
            fault = self._random.choice(self._faults)
            period = fault.period(self._random)
            if await _wait(ending, period.calm):
                return
            if period.struck > 0:
                await self._strike(fault, period.struck, ending)

    async def _strike(self, fault: Fault, seconds: float, ending: asyncio.Event) -> None:
        self._recorder.fault(fault.name, "start")
        try:
            await fault.start(self._target)
            await _wait(ending, seconds)
            await fault.heal(self._target)
        except Exception as error:
            self._recorder.fault(fault.name, "failure", str(error))
            raise
        self._recorder.fault(fault.name, "heal")


async def _wait(ending: asyncio.Event, seconds: float) -> bool:
    """Whether the ending came within that time."""
    try:
        async with asyncio.timeout(seconds):
            await ending.wait()
    except TimeoutError:
        return False
    return True
