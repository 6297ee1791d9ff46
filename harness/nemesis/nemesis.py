"""The nemesis: performs the strikes that schedules ask for and records each one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from ..client.outcome import Ok, Outcome
from ..history.recorder import Recorder
from ..targets.target import Target, TargetFailure
from ..workload import Strike
from .fault import Fault, FaultFailure

LIMIT: Final = 25.0
"""Maximum number of seconds for one start or healing."""


class Nemesis:
    """The nemesis of one run, which starts and heals its faults. Only the run's scheduler calls :meth:`strike`."""

    def __init__(self, faults: Sequence[Fault], target: Target, recorder: Recorder) -> None:
        self._faults = {fault.name: fault for fault in faults}
        self._target = target
        self._recorder = recorder
        self._struck: dict[str, Fault] = {}

    async def strike(self, strike: Strike) -> Outcome[None]:
        """Perform a strike and return Ok. The history records the strike even if it fails.

        Raises FaultFailure if the fault could not be started or healed, ValueError if the run does not have the fault,
        and any other exception that the fault raises.
        """
        fault = self._faults.get(strike.fault)
        if fault is None:
            raise ValueError(f"a schedule strikes with {strike.fault!r}, but the run has: {', '.join(self._faults)}")
        if strike.phase == "start":
            # Note the fault before the attempt: a start that fails or is cancelled may have done part of its work.
            self._struck[fault.name] = fault
            self._recorder.fault(fault.name, "start")
            await self._attempt(fault, fault.start, "started")
        else:
            await self._heal(fault)
        return Ok(None)

    async def heal_all(self) -> None:
        """Heal every fault that may still be in force, even after a failed start, in reverse order of their starts.

        After trying them all, raises a FaultFailure that names every fault that could not be healed.
        """
        failures: list[str] = []
        for fault in reversed(list(self._struck.values())):
            try:
                await self._heal(fault)
            except FaultFailure as failure:
                failures.append(str(failure))
            except Exception as error:
                failures.append(f"the fault {fault.name!r} could not be healed: {type(error).__name__}: {error}")
        if failures:
            raise FaultFailure("; ".join(failures))

    async def _heal(self, fault: Fault) -> None:
        await self._attempt(fault, fault.heal, "healed")
        self._struck.pop(fault.name, None)
        self._recorder.fault(fault.name, "heal")

    async def _attempt(self, fault: Fault, act: Callable[[Target], Awaitable[None]], done: str) -> None:
        try:
            async with asyncio.timeout(LIMIT) as limit:
                await act(self._target)
        except Exception as error:
            reason = f"it took longer than {LIMIT:g} s" if limit.expired() else str(error)
            self._recorder.fault(fault.name, "failure", reason)
            if limit.expired() or isinstance(error, TargetFailure):
                raise FaultFailure(f"the fault {fault.name!r} could not be {done}: {reason}") from error
            raise
