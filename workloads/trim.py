"""The workload ``trim``: trims race with reads and appends.

Trims are rare, so that reads find out what each of them removed before the next one hides it. Most move the trim point
a little, some not at all, and a few remove everything up to the trim itself. Reads look around the trim point: from
just below it, from its very place, and from the start of the stream.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from fencepost.harness.client.outcome import Ok
from fencepost.harness.s2 import Append, Batch, CheckTail, Read, Record
from fencepost.harness.workload import Completion, Exercise, Generator, WorkloadOptions

from .answers import tail_of
from .choice import Weighted, between, small
from .client import Act, clients
from .records import batch, record

TRIM: Final = "trim"

_MOST: Final = 6
_EVERYTHING: Final = 2**40


class View(Struct, frozen=True, gc=False):
    """What a client knows of a stream: the highest tail that it saw, and where it believes that the records begin."""

    tail: int = 0
    begin: int = 0


def act(view: View, name: str, random: Random) -> Act[View]:
    """Return an act drawn from the table."""
    return _ACTS.draw(random)(view, name, random)


def learn(view: View, completion: Completion) -> View:
    """Return the view with the reported tail, and with the first record of an answer that skipped some."""
    tail, call, outcome = tail_of(completion.outcome), completion.invocation.call, completion.outcome
    if tail is not None and tail > view.tail:
        view = replace(view, tail=tail)
    if isinstance(call, Read) and isinstance(outcome, Ok) and isinstance(outcome.value, Batch):
        records = outcome.value.records
        if records and call.seq_num is not None and records[0].seq_num > max(call.seq_num, view.begin):
            view = replace(view, begin=records[0].seq_num)
    return view


def _append(view: View, name: str, random: Random) -> Act[View]:
    return Act(Append(batch(name, random, _MOST)), view)


def _trim(view: View, name: str, random: Random) -> Act[View]:
    chance = random.random()
    if chance < 0.75:
        below = min(view.begin + between(1, 60, random), view.tail)
    elif chance < 0.9:
        below = between(view.begin, view.tail, random)
    elif chance < 0.98:
        below = between(0, view.begin, random)
    else:
        below = _EVERYTHING
    # A trim has no content of its own. The ordinary records around it identify the batch.
    before = batch(name, random, 3)
    after = (record(f"{name}.{len(before)}", random),) if random.random() < 0.3 else ()
    known = view if below > view.tail else replace(view, begin=max(view.begin, below))
    return Act(Append((*before, Record.trim(below), *after)), known, TRIM)


def _check_tail(view: View, name: str, random: Random) -> Act[View]:
    return Act(CheckTail(), view)


def _read(view: View, name: str, random: Random) -> Act[View]:
    chance = random.random()
    if chance < 0.35:
        read = Read(seq_num=view.begin, count=small(20, random))
    elif chance < 0.7:
        read = Read(seq_num=max(0, view.begin - between(1, 20, random)), count=small(30, random))
    elif chance < 0.85:
        read = Read(seq_num=0, count=small(30, random))
    else:
        read = Read(tail_offset=between(1, 40, random))
    return Act(read, view)


_ACTS: Final[Weighted[Callable[[View, str, Random], Act[View]]]] = Weighted(
    [(40.0, _append), (3.0, _trim), (7.0, _check_tail), (50.0, _read)]
)


class Trimming:
    """The workload of trims that race with reads and appends."""

    name = "trim"
    summary = "trims, rare ones, that race with appends and with reads around the trim point"
    exercises = (Exercise("trims", 10), Exercise("answered-reads", 100))

    act = staticmethod(act)
    learn = staticmethod(learn)

    def generator(self, options: WorkloadOptions) -> Generator:
        """Return the generator of all client operations. See :class:`~fencepost.harness.workload.Workload`."""
        return clients(self, lambda thread, stream: View(), options)
