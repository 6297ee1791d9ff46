"""docs/faults.md says what the code does: its fault passes the suite, and its schedule strikes."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fencepost import CheckTail, Completion, Context, Generator, Invocation, Ok
from fencepost.harness.workload import NEMESIS
from fencepost.testing.faults import FAULT_CHECKS, FaultCheck, KillableTarget

PAGE = (Path(__file__).parents[2] / "docs" / "faults.md").read_text()
FAULT, SUITE, SCRIPT = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


class Cable:
    """Carries the signal, or not."""

    plugged = True

    def pull(self) -> None:
        self.plugged = False

    def plug_in(self) -> None:
        self.plugged = True


class Wired(KillableTarget):
    """A target with a cable."""

    def __init__(self) -> None:
        super().__init__()
        self.cable = Cable()

    async def works(self) -> bool:
        return self.cable.plugged


def names(block: str) -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec(block, space)
    return space


@pytest.mark.parametrize("check", FAULT_CHECKS, ids=lambda check: check.__name__)
async def test_the_fault_of_the_page_passes_the_suite_as_the_page_has_it(check: FaultCheck) -> None:
    space = names(SUITE) | {"MyTarget": Wired, "Unplug": names(FAULT)["Unplug"]}
    test = names(SUITE)["test_unplug"]
    test.__globals__.update(space)
    await test(check)


def test_the_schedule_of_the_page_strikes_when_a_writer_took_over() -> None:
    context = Context(0, (NEMESIS,), (NEMESIS,), (NEMESIS,), Random(1))
    schedule: Generator = names(SCRIPT)["schedule"](None)
    for purpose, struck in (("write", False), ("take-over", True)):
        took = Completion(0, 0, 0, Invocation("s", CheckTail(), 0, purpose), Ok(None))
        step = schedule.update(context, took).next(context)
        assert step is not None
        assert isinstance(step[0], Invocation) is struck
