"""The workload ``regular``: unconditional appends, every kind of read, check-tails, and the strong read.

Many clients append to one stream at once and keep looking at it. Two habits expose stale answers. A client often checks
the tail right after the service acknowledged its append. It also follows the stream like a **replica**: it checks the
tail, then reads on from the position of its replica until it reaches that tail (a **strong read**).
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from fencepost.harness.client.outcome import Ok
from fencepost.harness.s2 import Ack, Append, Batch, CheckTail, Read, Tail
from fencepost.harness.workload import Completion, Exercise, Generator, WorkloadOptions

from .answers import tail_of
from .choice import Weighted, between, small
from .client import Act, clients
from .records import batch

STRONG_READ: Final = "strong-read"

# Reads are short because the history holds every record that they return. One replica per stream reads every record.
# Any other replica that falls behind by more than the window restarts near the tail, as if from a snapshot.
_PAGE: Final = 48
_LONG_PAGE: Final = 240
_WINDOW: Final = 96


class View(Struct, frozen=True, gc=False):
    """What a client knows about a stream.

    ``tail`` is the highest tail that it has seen, and ``timestamp`` (ms) is the timestamp of its latest append.
    ``replica`` is the seq_num that its replica reads next. ``target`` is the tail that its current strong read has to
    reach. ``acknowledged`` means that its latest operation was a successful append. A ``complete`` replica skips no
    record.
    """

    tail: int = 0
    timestamp: int = 0
    replica: int = 0
    target: int | None = None
    acknowledged: bool = False
    complete: bool = False


def act(view: View, name: str, random: Random) -> Act[View]:
    """Return the next step of the current strong read, or else an act drawn from the table."""
    if view.target is not None:
        left, page = view.target - view.replica, _LONG_PAGE if view.complete else _PAGE
        # A page without a bound ends at the tail of that moment, and so proves the tail.
        count = None if left < page and random.random() < 0.3 else min(left, page)
        return Act(Read(seq_num=view.replica, count=count), view, STRONG_READ, stay=True)
    if view.acknowledged and random.random() < 0.35:
        return Act(CheckTail(), view)
    return _ACTS.draw(random)(view, name, random)


def learn(view: View, completion: Completion) -> View:
    """Return the view with the reported tail and the progress of the strong read."""
    outcome, call = completion.outcome, completion.invocation.call
    value = outcome.value if isinstance(outcome, Ok) else None
    tail = tail_of(outcome)
    if tail is not None and tail > view.tail:
        view = replace(view, tail=tail)
    if completion.invocation.purpose == STRONG_READ:
        return _follow(view, value)
    if isinstance(call, Append):
        timestamp = value.end.timestamp if isinstance(value, Ack) else view.timestamp
        return replace(view, timestamp=timestamp, acknowledged=isinstance(value, Ack))
    return replace(view, acknowledged=False) if view.acknowledged else view


def _follow(view: View, value: object) -> View:
    """Return the view after a check-tail or page of a strong read. A failed or empty page ends the strong read."""
    replica, target = view.replica, view.target
    if isinstance(value, Tail):
        target = value.tail.seq_num
        replica = replica if view.complete else max(replica, target - _WINDOW)
    elif isinstance(value, Batch) and value.records:
        replica = value.records[-1].seq_num + 1
    else:
        target = None
    if target is not None and replica >= target:
        target = None
    return replace(view, replica=replica, target=target, acknowledged=False)


def _append(view: View, name: str, random: Random) -> Act[View]:
    return Act(Append(batch(name, random)), view)


def _check_tail(view: View, name: str, random: Random) -> Act[View]:
    return Act(CheckTail(), view)


def _strong_read(view: View, name: str, random: Random) -> Act[View]:
    # The answer decides which pages follow. If there is nothing to read, staying does no harm.
    return Act(CheckTail(), view, STRONG_READ, stay=True)


def _read(view: View, name: str, random: Random) -> Act[View]:
    return Act(_READS.draw(random)(view, random), view)


_ACTS: Final[Weighted[Callable[[View, str, Random], Act[View]]]] = Weighted(
    [(52.0, _append), (12.0, _check_tail), (8.0, _strong_read), (28.0, _read)]
)


def _somewhere(view: View, random: Random) -> int:
    """Return a random position below the tail, half of the time among the latest 100 records."""
    lowest = view.tail - 100 if random.random() < 0.5 else view.tail - 20_000
    return between(max(0, lowest), view.tail - 1, random) if view.tail else 0


def _bytes_bound(view: View, random: Random) -> Read:
    count = 20 if random.random() < 0.5 else None
    return Read(seq_num=_somewhere(view, random), bytes=between(64, 4096, random), count=count)


def _at_tail(view: View, random: Random) -> Read:
    chance = random.random()
    return Read() if chance < 0.2 else Read(tail_offset=0) if chance < 0.4 else Read(seq_num=view.tail, count=20)


def _past_tail(view: View, random: Random) -> Read:
    ahead = between(1, 50, random) if random.random() < 0.8 else 10**12
    return Read(seq_num=view.tail + ahead, count=20, clamp=random.random() < 0.25)


_READS: Final[Weighted[Callable[[View, Random], Read]]] = Weighted(
    [
        # from near the tail up to the tail, which proves the tail exactly
        (30.0, lambda view, random: Read(tail_offset=small(20, random))),
        (10.0, lambda view, random: Read(tail_offset=between(1, 40, random), count=between(1, 10, random))),
        # from a position, bounded by count, by bytes or by time
        (24.0, lambda view, random: Read(seq_num=_somewhere(view, random), count=small(20, random))),
        (10.0, _bytes_bound),
        (4.0, lambda view, random: Read(seq_num=_somewhere(view, random), until=view.timestamp or None, count=20)),
        # from the start; rarely without a count, which returns up to 1000 records
        (8.0, lambda view, random: Read(seq_num=0, count=small(20, random))),
        (0.2, lambda view, random: Read(seq_num=0)),
        # at or past the tail: answered with 416 unless somebody has appended in the meantime
        (8.0, _at_tail),
        (6.0, _past_tail),
    ]
)


class Regular:
    """The workload of unconditional appends that race with reads of every kind."""

    name = "regular"
    summary = "appends without conditions, reads of every kind, check-tails and strong reads"
    exercises = (Exercise("overlapping-appends", 10), Exercise("strong-reads", 10))

    act = staticmethod(act)
    learn = staticmethod(learn)

    def generator(self, options: WorkloadOptions) -> Generator:
        """Return the generator of all client operations. See :class:`~fencepost.harness.workload.Workload`."""
        return clients(self, lambda thread, stream: View(complete=thread == stream), options)
