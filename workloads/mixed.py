"""The workload ``mixed``: everything at once, on several streams.

Each client takes its acts from the other workloads, by weight, and goes from stream to stream. Some send their appends
through sessions. Give ``--streams 3`` or more.
"""

from __future__ import annotations

from random import Random
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from fencepost.harness.generators import pipeline
from fencepost.harness.workload import Completion, Exercise, Generator, WorkloadOptions

from . import fenced, followers, match_seq_num, regular, trim
from .choice import Weighted
from .client import Act, clients

WEIGHTS: Final = Weighted([(30.0, "regular"), (25.0, "match"), (25.0, "fenced"), (1.0, "follower"), (30.0, "trim")])
"""How often a client acts as in each of the workloads."""

_WINDOW: Final = 8
_PIPELINED: Final = 3  # one client in so many sends its appends through a session


class View(Struct, frozen=True, gc=False):
    """What a client knows about a stream, as a client of each of the workloads."""

    regular: regular.View
    match: match_seq_num.View
    fenced: fenced.View
    follower: followers.View
    trim: trim.View


_PARTS: Final = {
    "regular": regular,
    "match": match_seq_num,
    "fenced": fenced,
    "follower": followers,
    "trim": trim,
}


def act(view: View, name: str, random: Random) -> Act[View]:
    """Return an act of one of the workloads. One that is in the middle of a strong read goes on with it."""
    part = "regular" if view.regular.target is not None else WEIGHTS.draw(random)
    done: Act[Any] = _PARTS[part].act(getattr(view, part), name, random)
    return Act(done.call, replace(view, **{part: done.view}), done.purpose, done.stay, done.session, done.cut)


def learn(view: View, completion: Completion) -> View:
    """Return the view after what each of the workloads learns."""
    return View(**{part: module.learn(getattr(view, part), completion) for part, module in _PARTS.items()})


def _through(thread: int, client: Generator) -> Generator:
    return pipeline(_WINDOW, client) if thread % _PIPELINED == _PIPELINED - 1 else client


class Mixed:
    """The workload that mixes all others."""

    name = "mixed"
    summary = "everything at once: conditions, fences, trims, sessions, followers and strong reads"
    exercises = (Exercise("take-overs", 3), Exercise("trims", 3), Exercise("overlapping-appends", 10))

    act = staticmethod(act)
    learn = staticmethod(learn)

    def generator(self, options: WorkloadOptions) -> Generator:
        """Return the generator of all client operations. See :class:`~fencepost.harness.workload.Workload`."""
        return clients(self, lambda thread, stream: _fresh(), options, _through)


def _fresh() -> View:
    return View(regular.View(), match_seq_num.View(), fenced.View(), followers.View(writes=False), trim.View())
