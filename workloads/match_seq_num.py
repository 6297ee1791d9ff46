"""The workload ``match-seq-num``: optimistic writers that race for the next position.

Each client guesses the tail, appends on the condition that the guess is right, and adopts the tail that a refusal
reports. Ten clients on one stream make each other fail all the time. That is the point: every acceptance and every
refusal reveals something about the tail at that moment. Some guesses are wrong on purpose. **Stale** guesses are mostly
off by one, so that a server with an off-by-one error accepts them. Another client's append may make a **future** guess
right.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from msgspec import Struct

from fencepost.harness.client.outcome import Ok
from fencepost.harness.s2 import Append, Batch, CheckTail, Read
from fencepost.harness.workload import Completion, Exercise, Generator, WorkloadOptions

from .answers import tail_of
from .choice import Weighted, between
from .client import Act, clients
from .records import batch

STALE_GUESS: Final = "stale-guess"
FUTURE_GUESS: Final = "future-guess"

# Small batches, so that two writers with the same guess often write the same number of records.
_MOST: Final = 6


class View(Struct, frozen=True, gc=False):
    """A client's guess of the tail (``guess``), and its previous guess (``before``)."""

    guess: int = 0
    before: int = 0


def act(view: View, name: str, random: Random) -> Act[View]:
    """Return an act drawn from the table."""
    return _ACTS.draw(random)(view, name, random)


def learn(view: View, completion: Completion) -> View:
    """Return the view with the reported tail, even a lower one. An indefinite outcome leaves the guess as it is."""
    tail = tail_of(completion.outcome)
    outcome = completion.outcome
    if tail is None and isinstance(outcome, Ok) and isinstance(outcome.value, Batch) and outcome.value.records:
        tail = max(view.guess, outcome.value.records[-1].seq_num + 1)
    return view if tail is None or tail == view.guess else View(tail, view.guess)


def _race(view: View, name: str, random: Random) -> Act[View]:
    return Act(Append(batch(name, random, _MOST), match_seq_num=view.guess), view)


def _stale_guess(view: View, name: str, random: Random) -> Act[View]:
    chance = random.random()
    if chance < 0.5:
        guess = view.guess - 1
    elif chance < 0.8:
        guess = view.before if view.before < view.guess else view.guess - 2
    else:
        guess = between(0, view.guess - 1, random)
    if guess < 0:
        return _race(view, name, random)
    return Act(Append(batch(name, random, _MOST), match_seq_num=guess), view, STALE_GUESS)


def _future_guess(view: View, name: str, random: Random) -> Act[View]:
    chance = random.random()
    ahead = 1 if chance < 0.5 else between(2, _MOST, random) if chance < 0.9 else 10**9
    return Act(Append(batch(name, random, _MOST), match_seq_num=view.guess + ahead), view, FUTURE_GUESS)


def _check_tail(view: View, name: str, random: Random) -> Act[View]:
    return Act(CheckTail(), view)


def _read(view: View, name: str, random: Random) -> Act[View]:
    if random.random() < 0.5:
        return Act(Read(tail_offset=between(0, 10, random)), view)
    return Act(Read(seq_num=max(0, view.guess - between(0, 20, random)), count=between(1, 20, random)), view)


_ACTS: Final[Weighted[Callable[[View, str, Random], Act[View]]]] = Weighted(
    [(68.0, _race), (9.0, _stale_guess), (8.0, _future_guess), (8.0, _check_tail), (7.0, _read)]
)


class MatchSeqNum:
    """The workload of writers that race with their guesses of the tail."""

    name = "match-seq-num"
    summary = "writers race with match_seq_num, from right, stale and future guesses of the tail"
    exercises = (Exercise("seq-num-mismatches", 10), Exercise("overlapping-appends", 10))

    act = staticmethod(act)
    learn = staticmethod(learn)

    def generator(self, options: WorkloadOptions) -> Generator:
        """Return the generator of all client operations. See :class:`~fencepost.harness.workload.Workload`."""
        return clients(self, lambda thread, stream: View(), options)
