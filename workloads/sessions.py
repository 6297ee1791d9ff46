"""The workload ``sessions``: pipelined appends that fail in the middle, and watchers that read on.

Most clients are **writers**. Each has an append session with up to 1, 2, 4, … 64 batches in flight, depending on its
thread. Some batches are conditional, on the tail that the writer expects after its own batches in flight. A few are
sure to be refused, with others behind them: the service must apply none of those. The writer then opens another
session. The **watchers** check the tail and read, one operation at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from fencepost.harness.client.outcome import Definite
from fencepost.harness.generators import pipeline
from fencepost.harness.s2 import Append, CheckTail, Read
from fencepost.harness.workload import Completion, Exercise, Generator, WorkloadOptions

from .answers import tail_of
from .choice import Weighted, between, small
from .client import Act, clients
from .records import batch

BOUND_TO_FAIL: Final = "bound-to-fail"

WINDOWS: Final = (8, 1, 64, 2, 16, 4, 32)
"""The number of batches in flight of a writer, by its thread."""

_WATCHERS: Final = 4  # one client in so many is a watcher
_MOST: Final = 4
_NEVER: Final = 10**12


class View(Struct, frozen=True, gc=False):
    """What a client knows about a stream: the tail that it expects once all that it sent has been applied."""

    writes: bool
    tail: int = 0


def act(view: View, name: str, random: Random) -> Act[View]:
    """Return an act of a writer or of a watcher."""
    return (_WRITER if view.writes else _WATCHER).draw(random)(view, name, random)


def learn(view: View, completion: Completion) -> View:
    """Return the view with the reported tail. That of a refusal replaces the expected one, even if it is lower."""
    tail = tail_of(completion.outcome)
    if tail is None:
        return view
    return replace(view, tail=tail if isinstance(completion.outcome, Definite) else max(view.tail, tail))


def writes(thread: int) -> bool:
    """Return whether the client of this thread is a writer."""
    return thread % _WATCHERS != _WATCHERS - 1


def window(thread: int, client: Generator) -> Generator:
    """Return the client of a writer with its appends in a session, and any other client as it is."""
    return pipeline(WINDOWS[thread % len(WINDOWS)], client) if writes(thread) else client


def _send(view: View, append: Append, purpose: str = "") -> Act[View]:
    return Act(append, replace(view, tail=view.tail + len(append.records)), purpose)


def _append(view: View, name: str, random: Random) -> Act[View]:
    return _send(view, Append(batch(name, random, _MOST)))


def _match(view: View, name: str, random: Random) -> Act[View]:
    return _send(view, Append(batch(name, random, _MOST), match_seq_num=view.tail))


def _token(view: View, name: str, random: Random) -> Act[View]:
    return _send(view, Append(batch(name, random, _MOST), fencing_token=""))


def _fail(view: View, name: str, random: Random) -> Act[View]:
    records, chance = batch(name, random, _MOST), random.random()
    if chance < 0.4:
        append = Append(records, match_seq_num=_NEVER)
    elif chance < 0.7:
        append = Append(records, match_seq_num=max(0, view.tail - between(1, 3, random)))
    else:
        append = Append(records, fencing_token=f"{name}-never")
    return _send(view, append, BOUND_TO_FAIL)


def _check_tail(view: View, name: str, random: Random) -> Act[View]:
    return Act(CheckTail(), view)


def _read(view: View, name: str, random: Random) -> Act[View]:
    if random.random() < 0.5:
        return Act(Read(tail_offset=small(40, random)), view)
    return Act(Read(seq_num=max(0, view.tail - between(0, 100, random)), count=small(40, random)), view)


_Table = Weighted[Callable[[View, str, Random], Act[View]]]

_WRITER: Final[_Table] = Weighted(
    [(90.0, _append), (2.0, _match), (4.0, _token), (2.5, _fail), (1.0, _check_tail), (0.5, _read)]
)
_WATCHER: Final[_Table] = Weighted([(40.0, _check_tail), (55.0, _read), (5.0, _append)])


class Sessions:
    """The workload of append sessions with many batches in flight, some of which fail."""

    name = "sessions"
    summary = "append sessions with 1 to 64 batches in flight, conditions and failures in the middle, and watchers"
    exercises = (Exercise("batches-in-flight", 10), Exercise("batches-after-failure", 10))

    act = staticmethod(act)
    learn = staticmethod(learn)

    def generator(self, options: WorkloadOptions) -> Generator:
        """Return the generator of all client operations. See :class:`~fencepost.harness.workload.Workload`."""
        return clients(self, lambda thread, stream: View(writes(thread)), options, window)
