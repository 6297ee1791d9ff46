"""The workload ``followers``: clients that follow a stream, are cut off, and resume where they were.

Half of the clients are **writers**, with small batches and a pause now and then, so that followers catch up and have to
wait. The others are **followers**. One read session of a follower begins where the previous one ended, however that
was: by a bound, by the end of its wait, or because the client cut it off after some records. Sometimes a follower
begins anew, at the start of the stream or near its tail.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from fencepost.harness.client.outcome import Definite
from fencepost.harness.s2 import Append, CheckTail, Read
from fencepost.harness.workload import Completion, Exercise, Generator, WorkloadOptions

from .answers import tail_of
from .choice import Weighted, between, small
from .client import Act, clients
from .records import batch

FOLLOW: Final = "follow"
RESUME: Final = "resume"

_MOST: Final = 4
_NEAR: Final = 40


class View(Struct, frozen=True, gc=False):
    """What a client knows about a stream: the tail, and what a follower reads next (None if it begins anew)."""

    writes: bool
    tail: int = 0
    next: int | None = None


def act(view: View, name: str, random: Random) -> Act[View]:
    """Return an act of a writer or of a follower."""
    return (_WRITER if view.writes else _FOLLOWER).draw(random)(view, name, random)


def learn(view: View, completion: Completion) -> View:
    """Return the view with the reported tail, and with how far a read session got."""
    tail = tail_of(completion.outcome)
    if tail is not None and tail > view.tail:
        view = replace(view, tail=tail)
    if completion.reached is not None:
        return replace(view, next=completion.reached, tail=max(view.tail, completion.reached))
    refused = isinstance(completion.outcome, Definite) and completion.outcome.status is not None
    return replace(view, next=None) if refused and not view.writes else view


def _append(view: View, name: str, random: Random) -> Act[View]:
    return Act(Append(batch(name, random, _MOST)), view)


def _wait(view: View, name: str, random: Random) -> Act[View]:
    """A read that waits, during which this client writes nothing."""
    return Act(Read(seq_num=view.tail + between(0, 2, random), wait=1, clamp=True, count=1), view)


def _check_tail(view: View, name: str, random: Random) -> Act[View]:
    return Act(CheckTail(), view)


def _follow(view: View, name: str, random: Random) -> Act[View]:
    anew = view.next is None or random.random() < 0.03
    if view.next is None or anew:
        near = max(0, view.tail - between(0, _NEAR, random))
        start = near if random.random() < 0.7 else between(0, near, random)
    else:
        start = view.next
    chance = random.random()
    if chance < 0.15:
        read = Read(seq_num=start, count=small(60, random), wait=1)
    elif chance < 0.25:
        read = Read(seq_num=start, bytes=between(64, 8192, random), wait=1)
    else:
        read = Read(seq_num=start, wait=1)
    cut = between(1, 60, random) if random.random() < 0.5 else between(60, 400, random)
    return Act(read, view, FOLLOW if anew else RESUME, session=0, cut=cut)


_Table = Weighted[Callable[[View, str, Random], Act[View]]]

_WRITER: Final[_Table] = Weighted([(90.0, _append), (8.0, _check_tail), (2.0, _wait)])
_FOLLOWER: Final[_Table] = Weighted([(95.0, _follow), (5.0, _check_tail)])


class Followers:
    """The workload of followers that are cut off and resume."""

    name = "followers"
    summary = "read sessions that follow, are cut off and resume where they were, beside writers"
    exercises = (Exercise("resumed-reads", 10), Exercise("records-read", 100))

    act = staticmethod(act)
    learn = staticmethod(learn)

    def generator(self, options: WorkloadOptions) -> Generator:
        """Return the generator of all client operations. See :class:`~fencepost.harness.workload.Workload`."""
        return clients(self, lambda thread, stream: View(thread % 2 == 0), options)
