"""A stranger's workload."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import fencepost
from fencepost import Ok


class Workload:
    """Each client appends, and then looks."""

    name = "stranger-workload"
    summary = "appends and looks, as a stranger would"
    exercises = (fencepost.Exercise("overlapping-appends", 1),)
    checkers = ("linearizability", "stranger-checker")

    def generator(self, options: fencepost.WorkloadOptions) -> fencepost.Generator:
        return Strange(options)


@dataclass(frozen=True)
class Strange:
    options: fencepost.WorkloadOptions
    number: int = 0
    acknowledged: int = 0

    def next(self, context: fencepost.Context) -> Any:
        if self.options.operations is not None and self.number >= self.options.operations:
            return None
        if self.options.time_limit is not None and context.time >= self.options.time_limit * 1e9:
            return None
        if not context.free:
            return fencepost.PENDING, self
        stream = self.options.streams[0]
        call: fencepost.Append | fencepost.Read | fencepost.CheckTail = fencepost.CheckTail()
        if self.number % 3 == 0:
            call = fencepost.Append((fencepost.Record(f"strange {self.options.seed} {self.number}".encode()),))
        elif self.number % 3 == 1 and self.acknowledged:
            call = fencepost.Read(seq_num=context.random.randrange(self.acknowledged))
        # One every millisecond: a history of megabytes would be read by loops that are compiled first.
        invocation = fencepost.Invocation(stream, call, purpose="strange", time=self.number * 1_000_000)
        return invocation, replace(self, number=self.number + 1)

    def update(
        self, context: fencepost.Context, event: fencepost.Invocation | fencepost.Completion
    ) -> fencepost.Generator:
        if not isinstance(event, fencepost.Completion) or not isinstance(event.outcome, Ok):
            return self
        return replace(self, acknowledged=self.acknowledged + isinstance(event.outcome.value, fencepost.Ack))
