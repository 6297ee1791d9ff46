"""Answers in parts, sessions, and reads of the whole stream, as columns."""

from __future__ import annotations

import numpy as np
import pytest

from fencepost.harness.history import events
from fencepost.harness.history.builder import Builder, InconsistentEvent
from fencepost.harness.history.history import NONE, History, Outcome
from fencepost.harness.history.selection import select
from fencepost.testing import append, header, history, read


def built(*told: events.Event) -> History:
    builder = Builder(header())
    for event in told:
        builder.add(event)
    return builder.build()


def frame(op: int, time: int, *seq_nums: int, tail: int | None = None) -> events.Frame:
    size = len(seq_nums)
    numbers = list(seq_nums)
    return events.Frame(
        op=op,
        of=0,
        time=time,
        seq_nums=numbers,
        timestamps=numbers,
        digests=numbers,
        sizes=[10] * size,
        tail=None if tail is None else (tail, 0),
    )


def batch(op: int, time: int, *seq_nums: int) -> events.BatchRead:
    part = frame(op, time, *seq_nums)
    return events.BatchRead(
        op=op, time=time, seq_nums=part.seq_nums, timestamps=part.timestamps, digests=part.digests, sizes=part.sizes
    )


SESSION = events.ReadInvoked(op=0, time=5, process=3, stream="s", seq_num=2, count=9, session=7)
CHECK = events.CheckTailInvoked(op=1, time=6, process=4, stream="s")


def test_a_frame_is_a_row_beside_its_read_that_begins_where_the_last_one_ended() -> None:
    found = built(SESSION, CHECK, frame(2, 8, 2, 3), frame(3, 9, 4, tail=6), batch(0, 12, 5, 6))
    assert list(found.id) == [0, 2, 3, 1]  # in the order of invocation
    assert list(found.invoked) == [5, 5, 5, 6]
    assert list(found.ended) == [12, 8, 9, found.ended[3]]
    assert list(found.part_of) == [NONE, 0, 0, NONE]
    assert list(found.session) == [7, 7, 7, NONE]
    assert list(found.reads.from_seq_num) == [5, 2, 4, NONE]
    assert list(found.reads.count) == [6, 9, 7, NONE]
    assert [found.operation(row).seq_nums for row in range(3)] == [[5, 6], [2, 3], [4]]
    assert list(found.reads.tail) == [NONE, NONE, 6, NONE]
    assert list(found.reads.wait) == [NONE, 1, 1, NONE]  # only the last part ends for a reason


def test_what_was_returned_before_an_answer_was_cut_short_is_there() -> None:
    found = built(SESSION, frame(1, 8, 2, 3), events.Indefinite(0, 9, "cut"))
    assert list(found.outcome) == [Outcome.INDEFINITE, Outcome.OK]
    assert found.operation(1).seq_nums == [2, 3]


def test_a_session_without_limits_follows() -> None:
    unbounded = events.ReadInvoked(op=0, time=5, process=3, stream="s", seq_num=2, session=7)
    assert built(unbounded).reads.wait[0] == 1
    assert built(SESSION).reads.wait[0] == NONE


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ((CHECK, frame(2, 8, 2)), "of"),
        ((SESSION, batch(0, 7), frame(2, 8, 2)), "of"),
        ((SESSION, frame(2, 4, 2)), "time"),
        ((SESSION, frame(0, 8, 2)), "op"),
    ],
)
def test_a_frame_of_no_open_read_is_refused(told: tuple[events.Event, ...], field: str) -> None:
    with pytest.raises(InconsistentEvent) as caught:
        built(*told)
    assert caught.value.field == field


def test_a_read_of_the_whole_stream_tells_a_tail_and_a_hash() -> None:
    whole = events.ReadInvoked(op=0, time=5, process=3, stream="s", seq_num=0)
    found = built(whole, CHECK, events.WholeRead(0, 8, (4, 0), 2**64 - 1))
    assert list(found.observed_tail) == [4, NONE]
    assert list(found.reads.hashed) == [True, False]
    assert found.reads.stream_hash[0] == 2**64 - 1
    with pytest.raises(InconsistentEvent):
        built(whole, events.WholeRead(0, 8, (4, 0), 2**64))


def test_a_selection_keeps_what_belongs_to_its_rows() -> None:
    whole = history(
        append(0, 0, 3, "a fence=x", ack=0),
        read(1, 4, 5, 0, saw="a fence=x"),
        append(2, 6, 9, "b trim=1", ack=2),
        read(3, 10, 12, 0, saw="a fence=x b trim=1"),
    )
    part = select(whole, np.array([2, 3, 0]))
    assert list(part.id) == [2, 3, 0]
    assert part.appends.trims == {0: {1: 1}}
    assert part.appends.fences == {2: whole.appends.fences[0]}
    assert part.reads.fences == {1: whole.reads.fences[3]}
    assert part.operation(1).seq_nums == [0, 1, 2, 3]
    assert [part.operation(row).records for row in range(3)] == [2, 4, 2]
    assert part.appends.digest[part.appends.offset[2]] == whole.appends.digest[0]
