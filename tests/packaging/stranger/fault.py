"""A stranger's fault."""

from __future__ import annotations

import asyncio
from typing import Protocol, runtime_checkable

import fencepost


@runtime_checkable
class Unwell(Protocol):
    """A target that can be unwell."""

    well: asyncio.Event


class Fault:
    """Makes the target unwell."""

    name = "stranger-fault"
    summary = "the target is unwell for a moment"
    colour = "tab:pink"

    def applies_to(self, target: fencepost.Target) -> bool:
        return isinstance(target, Unwell)

    def schedule(self) -> fencepost.Generator:
        return fencepost.generators.now_and_then(self.name, calm=(0.02, 0.02), struck=(0.01, 0.02))

    async def start(self, target: fencepost.Target) -> None:
        if not isinstance(target, Unwell):
            raise fencepost.TargetFailure("only strangers can be unwell")
        target.well.clear()

    async def heal(self, target: fencepost.Target) -> None:
        assert isinstance(target, Unwell)
        target.well.set()
