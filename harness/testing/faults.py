"""Conformance suite for faults, each on a target that it applies to.

The suite is a tuple of checks. A check raises AssertionError if it fails. With pytest::

    @pytest.mark.parametrize("check", FAULT_CHECKS, ids=lambda check: check.__name__)
    async def test_my_fault(check):
        target = KillableTarget()
        await check(MyFault(), target, target.works)

Give each check a target that is set up and works. :class:`KillableTarget` is such a target in memory, and is strict
about being killed and restarted. :class:`ScriptedFault` is a test double of a fault, for tests of code that performs
strikes.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, Final, Protocol

from fencepost.harness.client.outcome import Ok
from fencepost.harness.client.protocol import StreamClient
from fencepost.harness.generators import now_and_then
from fencepost.harness.history.events import StreamState
from fencepost.harness.nemesis.fault import Fault
from fencepost.harness.targets.target import Target, TargetFailure
from fencepost.harness.workload import NEMESIS, Completion, Context, Generator, Invocation, Pending, Strike

Works = Callable[[], Awaitable[bool]]
"""A function that returns whether the target serves as if nothing had happened."""

_STEPS: Final = 4
"""The most turns of the event loop after which a start is cancelled."""

_STRIKES: Final = 12
"""The number of strikes of a schedule that are checked."""

_SECOND: Final = 1_000_000_000


class FaultCheck(Protocol):
    """A check of a fault."""

    __name__: str

    async def __call__(self, fault: Fault, target: Target, works: Works) -> None:
        """Raise AssertionError if the fault fails the check."""


async def _the_row_is_complete(fault: Fault, target: Target, works: Works) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", fault.name), "the name must be in lower case, with hyphens"
    assert fault.summary.strip()
    assert fault.colour.strip()
    assert fault.applies_to(target)


async def _a_started_fault_is_healed(fault: Fault, target: Target, works: Works) -> None:
    for _ in range(2):
        await fault.start(target)
        await fault.heal(target)
        assert await works(), "the target does not work after it was healed"


async def _healing_twice_or_what_nothing_struck_does_nothing(fault: Fault, target: Target, works: Works) -> None:
    await fault.heal(target)
    assert await works(), "healing broke a target that had not been struck"
    await fault.start(target)
    await fault.heal(target)
    await fault.heal(target)
    assert await works(), "healing twice broke the target"


async def _a_start_that_is_cut_short_is_healed(fault: Fault, target: Target, works: Works) -> None:
    for steps in range(_STEPS):
        start = asyncio.ensure_future(fault.start(target))
        for _ in range(steps):
            await asyncio.sleep(0)
        start.cancel()
        await asyncio.gather(start, return_exceptions=True)
        await fault.heal(target)
        assert await works(), f"the target does not work after a start was cancelled in step {steps} and healed"


async def _the_schedule_heals_what_it_starts(fault: Fault, target: Target, works: Works) -> None:
    strikes, since = _strikes(fault.schedule()), 0
    for number, (time, strike) in enumerate(strikes):
        assert strike.fault == fault.name, "a schedule must strike with its own fault"
        assert strike.phase == ("heal" if number % 2 else "start"), "each start must be followed by its healing"
        assert time >= since, "the times of strikes must not decrease"
        since = time


FAULT_CHECKS: Final[tuple[FaultCheck, ...]] = (
    _the_row_is_complete,
    _a_started_fault_is_healed,
    _healing_twice_or_what_nothing_struck_does_nothing,
    _a_start_that_is_cut_short_is_healed,
    _the_schedule_heals_what_it_starts,
)
"""Every check of a fault. Each needs its own target."""


class KillableTarget:
    """A target in memory whose server can be killed and restarted. It has no streams.

    Killing the server takes one turn of the event loop, and so does restarting it. ``log`` lists what happened to it.
    ``broken`` is how many of the next kills and restarts fail after half of their work.
    """

    gentle_rate: float | None = None

    def __init__(self) -> None:
        self.running = True
        self.broken = 0
        self.log: list[str] = []

    async def set_up(self) -> list[StreamState]:
        """Start the server and return no streams."""
        return []

    def connect(self) -> StreamClient:
        """Raise TargetFailure: there is nothing to connect to."""
        raise TargetFailure("this target can only be killed and restarted")

    def describe(self) -> dict[str, Any]:
        """Return the name of the target."""
        return {"name": "killable"}

    async def tear_down(self) -> None:
        """Stop the server."""
        self.running = False

    async def works(self) -> bool:
        """Return whether the server runs."""
        return self.running

    async def kill(self) -> None:
        """Kill the server. Raise TargetFailure if it does not run."""
        self.log.append("kill")
        if not self.running:
            raise TargetFailure("the server ended by itself")
        self.running = False
        await asyncio.sleep(0)
        self._fail("kill")

    async def restart(self) -> None:
        """Start the server unless it runs."""
        self.log.append("restart")
        await asyncio.sleep(0)
        self._fail("restart")
        self.running = True

    def _fail(self, what: str) -> None:
        if self.broken:
            self.broken -= 1
            raise TargetFailure(f"the {what} failed")


class ScriptedFault:
    """A test double of a fault, which applies to every target and only logs its calls.

    ``fail_start`` and ``fail_heal`` are raised instead, if they are set. ``log`` lists the calls.
    """

    summary = "nothing happens to the target"
    colour = "tab:gray"

    def __init__(self, name: str = "scripted", schedule: Generator | None = None) -> None:
        self.name = name
        self.log: list[str] = []
        self.fail_start: BaseException | None = None
        self.fail_heal: BaseException | None = None
        self._schedule = schedule

    def applies_to(self, target: Target) -> bool:
        """Return True."""
        return True

    def schedule(self) -> Generator:
        """Return the given schedule, or one that strikes every few milliseconds."""
        return self._schedule or now_and_then(self.name, calm=(0.001, 0.002), struck=(0.001, 0.002))

    async def start(self, target: Target) -> None:
        """Note it, or fail."""
        self.log.append("start")
        await asyncio.sleep(0)
        if self.fail_start is not None:
            raise self.fail_start

    async def heal(self, target: Target) -> None:
        """Note it, or fail."""
        self.log.append("heal")
        await asyncio.sleep(0)
        if self.fail_heal is not None:
            raise self.fail_heal


def _strikes(schedule: Generator) -> list[tuple[int, Strike]]:
    """Return the first strikes of a schedule with their times (ns). Each strike takes one millisecond.

    A schedule that waits for something that clients do gives no strikes. Assert that the schedule is pure.
    """
    found: list[tuple[int, Strike]] = []
    time = 0
    while len(found) < _STRIKES and time < 3600 * _SECOND:
        turn = len(found)  # the random numbers of a turn start afresh with every question and every event
        step, again = schedule.next(_context(time, turn)), schedule.next(_context(time, turn))
        if step is None:
            break
        answer, successor = step
        assert again is not None, "the schedule is exhausted in one of two equal contexts, but not in the other"
        assert answer == again[0], "the schedule answers differently in two equal contexts"
        if isinstance(answer, Pending):
            schedule, time = successor, time + _SECOND // 100
            continue
        if answer.time is not None and answer.time > time:
            time = answer.time
            continue
        assert isinstance(answer.call, Strike), f"a schedule must ask for strikes only, not for {answer}"
        invoked = Invocation(answer.stream, answer.call, NEMESIS)
        schedule = successor.update(_context(time, turn, free=False), invoked)
        found.append((time, answer.call))
        time += _SECOND // 1000
        completion = Completion(time, NEMESIS, NEMESIS, invoked, Ok(None))
        schedule = schedule.update(_context(time, turn + 1, free=False), completion)
    return found


def _context(time: int, turn: int, free: bool = True) -> Context:
    return Context(time, (NEMESIS,), (NEMESIS,) if free else (), (NEMESIS,), Random(turn))
