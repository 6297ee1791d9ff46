"""The workload ``retry``: writers that repeat an append whose outcome they do not know, as the SDKs do.

The two halves of the clients follow the two policies of the official SDKs. Under ``all`` a writer repeats every append
whose failure may pass. Under ``no-side-effects`` it repeats only those that certainly had no effect. Each attempt is an
operation of its own, with the same records. So if both attempts of an unconditional append take effect, the service did
nothing wrong: the writer repeated itself. Without a fault there is hardly anything to repeat.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from fencepost.harness.client.outcome import Definite, Indefinite, Outcome
from fencepost.harness.s2 import Append, CheckTail, Read
from fencepost.harness.workload import Completion, Exercise, Generator, WorkloadOptions

from .answers import tail_of
from .choice import Weighted, between, small
from .client import Act, clients
from .records import batch

RETRY: Final = "retry"

ATTEMPTS: Final = 3
"""The most attempts at one append, as in the SDKs."""

NO_SIDE_EFFECTS: Final = frozenset({"not_sent", "rate_limited", "hot_server"})
"""The codes of failures that the SDKs repeat under either policy."""

_MOST: Final = 6


class View(Struct, frozen=True, gc=False):
    """What a client knows about a stream: its tail, and the append that it repeats next, after so many ``attempts``.

    ``repeats_all`` tells the policies apart.
    """

    repeats_all: bool
    tail: int = 0
    again: Append | None = None
    attempts: int = 0


def act(view: View, name: str, random: Random) -> Act[View]:
    """Return the append to repeat, or else an act drawn from the table."""
    if view.again is not None:
        return Act(view.again, view, RETRY, stay=True)
    return _ACTS.draw(random)(view, name, random)


def learn(view: View, completion: Completion) -> View:
    """Return the view with the reported tail, and with the append to repeat if the policy says so."""
    tail, call = tail_of(completion.outcome), completion.invocation.call
    if tail is not None and tail > view.tail:
        view = replace(view, tail=tail)
    if not isinstance(call, Append):
        return view
    attempts = view.attempts + 1 if view.again is call else 1
    if attempts < ATTEMPTS and _may_repeat(completion.outcome, view.repeats_all):
        return replace(view, again=call, attempts=attempts)
    return replace(view, again=None, attempts=0)


def _may_repeat(outcome: Outcome[object], repeats_all: bool) -> bool:
    if isinstance(outcome, Indefinite):
        return repeats_all
    return isinstance(outcome, Definite) and outcome.code in NO_SIDE_EFFECTS


def _append(view: View, name: str, random: Random) -> Act[View]:
    match = view.tail if random.random() < 0.3 else None
    return Act(Append(batch(name, random, _MOST), match_seq_num=match), view, stay=True)


def _check_tail(view: View, name: str, random: Random) -> Act[View]:
    return Act(CheckTail(), view)


def _read(view: View, name: str, random: Random) -> Act[View]:
    if random.random() < 0.5:
        return Act(Read(tail_offset=between(1, 40, random)), view)
    return Act(Read(seq_num=max(0, view.tail - between(0, 60, random)), count=small(40, random)), view)


_ACTS: Final[Weighted[Callable[[View, str, Random], Act[View]]]] = Weighted(
    [(65.0, _append), (10.0, _check_tail), (25.0, _read)]
)


class Retry:
    """The workload of writers that repeat themselves."""

    name = "retry"
    summary = "writers repeat failed appends by the SDKs' two policies, all and no-side-effects; use it with a fault"
    exercises = (Exercise("repeated-appends", 5),)
    unique_records = False

    act = staticmethod(act)
    learn = staticmethod(learn)

    def generator(self, options: WorkloadOptions) -> Generator:
        """Return the generator of all client operations. See :class:`~fencepost.harness.workload.Workload`."""
        return clients(self, lambda thread, stream: View(thread % 2 == 0), options)
