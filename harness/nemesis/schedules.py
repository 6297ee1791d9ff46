"""The schedules of a run's faults, beside the work of its clients.

A schedule is a generator of strikes, made of the same combinators as those of operations. This one starts a fault once
a writer holds the fence, and heals it half a second later::

    def took_over(event):
        return isinstance(event, Completion) and event.invocation.purpose == "take-over"

    when(took_over, phases(once(start_fault("pause")), after(0.5, once(heal_fault("pause")))))
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from ..generators import beside, clients, heal_fault, mix, nemesis
from ..workload import PENDING, Completion, Context, Generator, Invocation, Step, Strike
from .fault import Fault


def struck_by(faults: Sequence[Fault], work: Generator) -> Generator:
    """The clients' work, with the schedules of all faults beside it, which may overlap.

    When the work is exhausted, the faults that are still in force are healed, and then this generator is exhausted as
    well.
    """
    if not faults:
        return work
    schedules = [fault.schedule() for fault in faults]
    strikes = schedules[0] if len(schedules) == 1 else mix(*((1, schedule) for schedule in schedules))
    return _Healing(beside(clients(work), nemesis(strikes)), ())


class _Healing(Struct, frozen=True):
    """``struck`` names the faults in force, in the order in which they were started."""

    generator: Generator | None
    struck: tuple[str, ...]

    def next(self, context: Context) -> Step:
        step = None if self.generator is None else self.generator.next(context)
        if step is not None:
            return step[0], _Healing(step[1], self.struck)
        if not self.struck:
            return None
        healing = heal_fault(self.struck[-1])
        return (PENDING if context.taker(healing) is None else healing), _Healing(None, self.struck)

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        generator = self.generator and self.generator.update(context, event)
        return _Healing(generator, _in_force(self.struck, event))


def _in_force(struck: tuple[str, ...], event: Invocation | Completion) -> tuple[str, ...]:
    """Return the faults that are in force after an event: a start counts from its beginning, a healing from its end."""
    call = event.invocation.call if isinstance(event, Completion) else event.call
    if not isinstance(call, Strike):
        return struck
    if call.phase == "start":
        return struck if call.fault in struck else (*struck, call.fault)
    return tuple([name for name in struck if name != call.fault]) if isinstance(event, Completion) else struck
