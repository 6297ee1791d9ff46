"""Conformance suite for children that take commands, real or simulated: the checks of :data:`CONTROL_CHECKS`.

A check takes a function that starts the child and connects its control channel:

    @pytest.mark.parametrize("check", CONTROL_CHECKS, ids=lambda check: check.__name__)
    async def test_my_child(check):
        await check(start)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from fencepost.harness.server.failpoints import FAILPOINTS
from fencepost.harness.world.control import ControlClient
from fencepost.harness.world.control_messages import Action, ControlError
from fencepost.harness.world.faulty_disk import DiskFaults
from fencepost.harness.world.spawn import Child

Start = Callable[[ControlClient], Awaitable[Child]]
"""A function that starts a child, with the given protocol as the harness's end of its channel."""

_SECONDS: Final = 20.0


class ControlCheck(Protocol):
    """A check of a child that takes commands."""

    __name__: str

    def __call__(self, start: Start) -> Awaitable[None]:
        """Raise AssertionError if the child fails the check."""


async def _every_command_is_obeyed(start: Start) -> None:
    control = ControlClient()
    async with asyncio.timeout(_SECONDS):
        child = await start(control)
        await control.set_clock(offset_ms=-1000, rate=1.5)
        await control.set_clock()
        await control.set_disk(DiskFaults(room=0, delay=0.5))
        await control.set_disk()
        for name, row in FAILPOINTS.items():
            for action in row.actions:
                await control.arm(name, action, skip=1000, times=1, seconds=0.1)
        assert await control.counts() == dict.fromkeys(FAILPOINTS, 0)
        for name in FAILPOINTS:
            await control.disarm(name)
            await control.disarm(name)  # disarming twice is allowed
        assert await control.counts() == {}
        control.close()
        await child.wait()


async def _what_cannot_be_is_refused_and_the_channel_goes_on(start: Start) -> None:
    control = ControlClient()
    async with asyncio.timeout(_SECONDS):
        child = await start(control)
        await _refused(control.set_clock(rate=0), "rate")
        await _refused(control.arm("nowhere", Action.CRASH), "service.before-append")
        await _refused(control.arm("service.fence-applied", Action.HOLD), "crash, count")
        assert await control.counts() == {}
        control.close()
        await child.wait()


async def _many_commands_may_be_under_way(start: Start) -> None:
    control = ControlClient()
    async with asyncio.timeout(_SECONDS):
        child = await start(control)
        names = [name for name, row in FAILPOINTS.items() if Action.COUNT in row.actions]
        *_, counts = await asyncio.gather(*(control.arm(name, Action.COUNT) for name in names), control.counts())
        assert counts == dict.fromkeys(names, 0), "commands must be obeyed in the order in which they were sent"
        control.close()
        await child.wait()


async def _the_child_ends_with_its_channel(start: Start) -> None:
    control = ControlClient()
    async with asyncio.timeout(_SECONDS):
        child = await start(control)
        await control.set_clock()
        control.close()
        assert await child.wait() == 0
        await _refused(control.set_clock(), "ended")
        await _refused(control.reached("service.sequenced"), "ended")


async def _refused(command: Awaitable[object], why: str) -> None:
    try:
        await command
    except ControlError as error:
        if why in str(error):
            return
        raise
    raise AssertionError(f"the child obeyed a command that it should refuse: {why}")


CONTROL_CHECKS: Final[tuple[ControlCheck, ...]] = (
    _every_command_is_obeyed,
    _what_cannot_be_is_refused_and_the_channel_goes_on,
    _many_commands_may_be_under_way,
    _the_child_ends_with_its_channel,
)
