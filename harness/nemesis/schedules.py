"""Runs the schedules of faults beside the work of the clients.

A schedule is a generator of strikes, made of the same combinators as generators of client operations. This one starts a
fault once a take-over has completed, and heals it half a second later::

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
    """Return a generator that runs the clients' work and the schedules of all faults side by side.

    Faults may overlap. When the work is exhausted, the generator heals the faults that are still in force and then
    ends.
    """
    if not faults:
        return work
    schedules = [fault.schedule() for fault in faults]
    strikes = schedules[0] if len(schedules) == 1 else mix(*((1, schedule) for schedule in schedules))
    return _Healing(beside(clients(work), nemesis(strikes)), ())


class _Healing(Struct, frozen=True):
    """A generator that finally heals the faults in force, ``struck``, which are in the order of their starts."""

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
    """Return the faults in force after an event. A start counts when it is invoked, a healing when it completes."""
    call = event.invocation.call if isinstance(event, Completion) else event.call
    if not isinstance(call, Strike):
        return struck
    if call.phase == "start":
        return struck if call.fault in struck else (*struck, call.fault)
    return tuple([name for name in struck if name != call.fault]) if isinstance(event, Completion) else struck
