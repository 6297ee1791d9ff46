"""Journals with what stories by hand do not have: sessions, answers in parts, reads of the whole stream."""

from __future__ import annotations

from collections.abc import Sequence

from fencepost.harness.history import events
from fencepost.harness.history.builder import Builder
from fencepost.harness.history.history import History
from fencepost.testing import header

STREAM = "s"


def build(*told: events.Event, tail: int = 0) -> History:
    """The history of these events."""
    builder = Builder(header(tail=tail))
    for event in told:
        builder.add(event)
    return builder.build()


def append(op: int, time: int, digests: Sequence[int], session: int | None = None, process: int = 0) -> events.Event:
    """An append is invoked."""
    return events.AppendInvoked(
        op=op,
        time=time,
        process=process,
        stream=STREAM,
        digests=list(digests),
        sizes=[10] * len(digests),
        session=session,
    )


def ack(op: int, time: int, start: int, end: int) -> events.Event:
    """It is acknowledged, timestamps 7."""
    return events.Acked(op, time, (start, 7), (end, 7), (end, 7))


def read(op: int, time: int, process: int = 9, **given: int) -> events.Event:
    """A read is invoked."""
    return events.ReadInvoked(op=op, time=time, process=process, stream=STREAM, **given)  # type: ignore[arg-type]


def frame(
    op: int, of: int, time: int, seq_nums: Sequence[int], digests: Sequence[int], tail: int | None = None
) -> events.Event:
    """A part of its answer."""
    number = len(seq_nums)
    return events.Frame(
        op=op,
        of=of,
        time=time,
        seq_nums=list(seq_nums),
        timestamps=[7] * number,
        digests=list(digests),
        sizes=[10] * number,
        tail=None if tail is None else (tail, 7),
    )
