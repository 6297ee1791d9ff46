"""The builder: answers land in the rows of their operations, whatever the order they came in."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from fencepost.harness.history import events
from fencepost.harness.history.builder import Builder, InconsistentEvent
from fencepost.harness.history.history import BEYOND, NONE, History
from fencepost.testing import append, check_tail, header, history, read


def test_acks_come_in_any_order() -> None:
    for ended in permutations((10, 20, 30)):
        found = history(*(append(i, i, ended[i], "abc"[i], ack=i) for i in range(3)))
        assert list(found.appends.start) == [0, 1, 2]
        assert list(found.appends.end) == [1, 2, 3]
        assert list(found.ended) == list(ended)


def test_tails_come_in_any_order() -> None:
    for ended in permutations((10, 20, 30)):
        found = history(*(check_tail(i, i, ended[i], i + 5) for i in range(3)))
        assert list(found.observed_tail) == [5, 6, 7]


def test_refusals_come_in_any_order() -> None:
    for ended in permutations((10, 20, 30)):
        tails = history(*(append(i, i, ended[i], "a", match=9, tail=i + 5) for i in range(3)))
        assert list(tails.seq_num_mismatch) == [5, 6, 7]
        tokens = history(*(append(i, i, ended[i], "a", token="q", fence="xyz"[i]) for i in range(3)))
        assert [tokens.tokens[index] for index in tokens.token_mismatch] == ["x", "y", "z"]
        codes = history(*(append(i, i, ended[i], "a", failed="xyz"[i], status=400 + i) for i in range(3)))
        assert [codes.operation(row).code for row in range(3)] == ["x", "y", "z"]
        assert list(codes.status) == [400, 401, 402]


def test_batches_come_in_any_order() -> None:
    for ended in permutations((10, 20, 30)):
        found = history(*(read(i, i, ended[i], i, wait=1, saw="a b", followed=i + 5) for i in range(3)))
        assert [found.operation(row).seq_nums for row in range(3)] == [[0, 1], [1, 2], [2, 3]]
        assert list(found.reads.tail) == [5, 6, 7]


def test_columns_have_their_types_with_and_without_rows() -> None:
    for found in (history(), history(append(0, 0, 1, "a", ack=0)), history(read(0, 0, 1, 0, saw="a"))):
        for name, dtype in (("id", np.int64), ("process", np.int32), ("kind", np.uint8), ("token_mismatch", np.int32)):
            column = getattr(found, name)
            assert (column.dtype, column.shape) == (dtype, (len(found),)), name
        assert found.appends.digest.dtype == found.reads.digest.dtype == np.uint64
        assert found.reads.clamp.dtype == np.bool_
        assert len(found.appends.offset) == len(found.reads.offset) == len(found) + 1


def test_positions_that_no_stream_reaches_are_beyond() -> None:
    found = history(read(0, 0, 1, 2**64 - 1, tail=0), check_tail(1, 0, 1, 2**63))
    assert found.reads.from_seq_num[0] == found.observed_tail[1] == BEYOND


def test_the_last_fence_of_a_batch_counts() -> None:
    found = history(append(0, 0, 1, "fence=x a fence=y b", ack=0), append(0, 2, 3, "c", ack=4))
    assert found.operation(0).last_fence == "y"
    assert found.appends.last_fence[1] == NONE


def operations(found: History) -> list[int]:
    return [found.row_of(int(op)) for op in found.id]


def test_rows_are_found_by_id_in_any_order_of_ids() -> None:
    builder = Builder(header())
    for op in (7, 3, 5):
        builder.add(events.CheckTailInvoked(op=op, time=0, process=op, stream="s"))
    found = builder.build()
    assert operations(found) == [0, 1, 2]
    with pytest.raises(KeyError):
        found.row_of(4)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (events.CheckTailInvoked(op=0, time=1, process=0, stream="s"), "op"),
        (events.CheckTailInvoked(op=1, time=1, process=0, stream="t"), "stream"),
        (events.TailRead(1, 1, (0, 0)), "op"),
        (events.TailRead(0, 0, (0, 0)), "time"),
        (events.TailRead(0, -1, (0, 0)), "time"),
        (events.Acked(0, 2, (0, 0), (0, 0), (0, 0)), "type"),
    ],
)
def test_a_contradiction_names_its_field(event: events.Event, field: str) -> None:
    builder = Builder(header())
    builder.add(events.CheckTailInvoked(op=0, time=1, process=0, stream="s"))
    with pytest.raises(InconsistentEvent) as caught:  # noqa: PT012 - some are found at once, some once all are there
        builder.add(event)
        builder.build()
    assert caught.value.field == field
