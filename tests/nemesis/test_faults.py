"""Every fault passes the exported suite, on a target in memory and on the real one; and the suite can fail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from matplotlib.colors import is_color_like

from fencepost import CheckTail, Ok, TargetFailure, TargetOptions
from fencepost.harness.generators import after, cycle, heal_fault, once, phases, start_fault
from fencepost.harness.nemesis.fault import Fault
from fencepost.harness.nemesis.kill import Kill
from fencepost.harness.run import FAULTS
from fencepost.harness.targets.reference import ReferenceServer
from fencepost.harness.world.world import real_world
from fencepost.testing.faults import FAULT_CHECKS, FaultCheck, KillableTarget, ScriptedFault

checks = pytest.mark.parametrize("check", FAULT_CHECKS, ids=lambda check: check.__name__)

STRIKING = [check for check in FAULT_CHECKS if "_row_" not in check.__name__ and "_schedule_" not in check.__name__]
"""Those for which it matters which target it is."""


@checks
@pytest.mark.parametrize("name", FAULTS.names())
async def test_every_registered_fault_passes_on_a_target_in_memory(name: str, check: FaultCheck) -> None:
    target = KillableTarget()
    await check(FAULTS.make(name), target, target.works)


@checks
async def test_the_double_of_a_fault_passes(check: FaultCheck) -> None:
    target = KillableTarget()
    await check(ScriptedFault(), target, target.works)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ReferenceServer]:
    target = ReferenceServer(TargetOptions(folder=tmp_path, run_id="run", world=real_world(1)))
    await target.set_up()
    yield target
    await target.tear_down()


@pytest.mark.parametrize("check", STRIKING, ids=lambda check: check.__name__)
async def test_the_kill_passes_on_the_bundled_server(server: ReferenceServer, check: FaultCheck) -> None:
    async def works() -> bool:
        client = server.connect()
        try:
            return isinstance(await client.perform("run-0", CheckTail()), Ok)
        finally:
            await client.aclose()

    await check(Kill(), server, works)


@pytest.mark.parametrize("name", FAULTS.names())
async def test_what_failed_half_way_is_healed(name: str) -> None:
    fault, target = FAULTS.make(name), KillableTarget()
    target.broken = 1
    with pytest.raises(TargetFailure, match="the kill failed"):
        await fault.start(target)
    assert not await target.works()
    target.broken = 1
    with pytest.raises(TargetFailure, match="the restart failed"):
        await fault.heal(target)
    await fault.heal(target)
    assert await target.works()


@pytest.mark.parametrize("name", FAULTS.names())
def test_the_colour_is_one(name: str) -> None:
    assert is_color_like(FAULTS.make(name).colour)


def test_a_kill_needs_a_server_that_belongs_to_the_run() -> None:
    class Theirs:
        """Not killable."""

    theirs: Any = Theirs()
    assert not Kill().applies_to(theirs)


# -- the suite finds what is wrong


class Nameless(ScriptedFault):
    """Has a name that nobody can give on a command line."""

    def __init__(self) -> None:
        super().__init__("no name")


class Forgetful(Kill):
    """Heals nothing."""

    async def heal(self, target: Any) -> None:
        pass


class Strict(Kill):
    """Will not heal what runs."""

    async def heal(self, target: Any) -> None:
        if target.running:
            raise TargetFailure("it runs")
        await target.restart()


class Remembering(Kill):
    """Heals only what it knows to have started whole."""

    whole = False

    async def start(self, target: Any) -> None:
        await target.kill()
        self.whole = True

    async def heal(self, target: Any) -> None:
        if self.whole:
            await target.restart()
        self.whole = False


class Relentless(ScriptedFault):
    """Its schedule never heals."""

    def __init__(self) -> None:
        super().__init__("relentless", cycle(phases(after(0.1, once(start_fault("relentless"))))))


class Foreign(ScriptedFault):
    """Its schedule strikes with another fault."""

    def __init__(self) -> None:
        super().__init__("foreign", phases(once(start_fault("kill")), once(heal_fault("kill"))))


@pytest.mark.parametrize(
    ("fault", "failed"),
    [
        (Nameless, {"_the_row_is_complete"}),
        (Strict, {"_healing_twice_or_what_nothing_struck_does_nothing", "_a_start_that_is_cut_short_is_healed"}),
        (Remembering, {"_a_start_that_is_cut_short_is_healed"}),
        (Relentless, {"_the_schedule_heals_what_it_starts"}),
        (Foreign, {"_the_schedule_heals_what_it_starts"}),
        (
            Forgetful,
            {
                "_a_started_fault_is_healed",
                "_healing_twice_or_what_nothing_struck_does_nothing",
                "_a_start_that_is_cut_short_is_healed",
            },
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_a_fault_that_is_wrong_fails_the_check_for_it_and_no_other(fault: type[Fault], failed: set[str]) -> None:
    found = set()
    for check in FAULT_CHECKS:
        target = KillableTarget()
        try:
            await check(fault(), target, target.works)
        except (AssertionError, TargetFailure):
            found.add(check.__name__)
    assert found == failed
