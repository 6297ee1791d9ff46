"""Rules that small random histories do not reach: sessions, parts of answers, hashes, one instant of the clock."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from fencepost.checkers.certificate.verifier import hashes, valid
from fencepost.checkers.certificate.verifier.refutation import Refuted
from fencepost.harness.history import events
from fencepost.harness.history.history import History
from fencepost.testing import append as appended
from fencepost.testing import check_tail, history
from tests.certificates.journals import ack, append, build, frame, read


def check(judged: History, *ops: int) -> None:
    """Verify the order of these operations, of one moment each."""
    rows = np.array([judged.row_of(op) for op in ops], dtype=np.int64)
    valid.check(judged, 0, np.arange(len(judged)), rows, np.zeros(len(rows), dtype=np.bool_), None)


def refused(judged: History, *ops: int, why: str) -> None:
    with pytest.raises(Refuted, match=why):
        check(judged, *ops)


def test_batches_of_a_session_stand_in_its_order() -> None:
    started = (append(0, 1, [11], session=1), append(1, 2, [12], session=1))
    check(build(*started, ack(0, 8, 0, 1), ack(1, 9, 1, 2)), 0, 1)
    refused(build(*started, ack(1, 8, 0, 1), ack(0, 9, 1, 2)), 1, 0, why="before an earlier batch of its session")


def test_no_batch_of_a_session_is_applied_after_one_that_was_not() -> None:
    started = (append(0, 1, [11], session=1), append(1, 2, [12], session=1))
    lost = build(*started, events.Indefinite(0, 5, "lost"), ack(1, 9, 0, 1))
    refused(lost, 1, why="the batch before it in its session was not")
    failed = build(*started, events.Failed(0, 5, "rate_limited", 429), ack(1, 9, 0, 1))
    refused(failed, 1, why="the batch before it in its session was not")
    apart = build(append(0, 1, [11], session=1), append(1, 2, [12], session=2), ack(1, 9, 0, 1))
    check(apart, 1)


def test_parts_of_an_answer_stand_in_their_order() -> None:
    written = (append(0, 1, [11]), ack(0, 2, 0, 1), append(1, 3, [12]), ack(1, 4, 1, 2))
    opened = read(2, 1, seq_num=0, session=3)
    parts = (frame(3, 2, 5, [0], [11]), frame(4, 2, 6, [1], [12], tail=2), events.Indefinite(2, 9, "closed"))
    told = sorted((*written, opened), key=lambda event: event.time)
    judged = build(*told, *parts)
    check(judged, 0, 1, 3, 4)
    refused(judged, 0, 1, 4, 3, why="before an earlier part of its answer")
    refused(judged, 0, 3, 4, 1, why="a record that was not there yet")


def test_tails_in_the_parts_of_an_answer_do_not_go_back() -> None:
    opened = (append(0, 1, [11]), read(2, 1, seq_num=0, session=3), ack(0, 2, 0, 1))
    judged = build(*opened, frame(3, 2, 5, [], [], tail=1), frame(4, 2, 6, [], [], tail=0), events.Indefinite(2, 9, ""))
    refused(judged, 0, 3, 4, why="below what an earlier part")


@pytest.mark.parametrize("given", [{}, {"seq_num": 5, "clamp": True}])
def test_only_a_read_that_is_to_follow_begins_at_the_tail(given: dict[str, int]) -> None:
    """Its first part began after the append, and says so in its first moment."""
    written, closed = (append(0, 1, [11]), ack(0, 2, 0, 1)), events.Indefinite(1, 9, "closed")

    def answer(**limits: int) -> History:
        return build(*written, read(1, 3, session=3, **given, **limits), frame(2, 1, 5, [], []), closed)

    def verify(judged: History) -> None:
        rows = np.array([judged.row_of(op) for op in (0, 2, 2)], dtype=np.int64)
        valid.check(judged, 0, np.arange(len(judged)), rows, np.array([False, False, True]), None)

    verify(answer())
    verify(answer(count=3, wait=1))
    with pytest.raises(Refuted, match="although it began at the tail"):
        verify(answer(count=3))


def test_a_read_session_has_no_implicit_bounds_and_a_unary_read_has() -> None:
    digests = list(range(100, 1101))
    written = (append(0, 1, digests), ack(0, 2, 0, 1001))

    def answer(session: dict[str, int], number: int) -> History:
        batch = events.BatchRead(
            op=1,
            time=4,
            seq_nums=list(range(number)),
            timestamps=[7] * number,
            digests=digests[:number],
            sizes=[10] * number,
        )
        return build(*written, read(1, 3, seq_num=0, count=1001, **session), batch)

    check(answer({}, 1000), 0, 1)
    refused(answer({"session": 1}, 1000), 0, 1, why="ended without a reason")
    check(answer({"session": 1}, 1001), 0, 1)


def test_a_hash_is_that_of_the_log() -> None:
    written = (append(0, 1, [11, 12]), ack(0, 2, 0, 2))
    right = hashes.folded(np.array([11, 12], dtype=np.uint64))
    check(build(*written, read(1, 3), events.WholeRead(1, 4, (2, 7), right)), 0, 1)
    refused(build(*written, read(1, 3), events.WholeRead(1, 4, (2, 7), right ^ 1)), 0, 1, why="another hash")
    refused(build(*written, read(1, 1), events.WholeRead(1, 4, (2, 7), right)), 1, 0, why="another tail")


def test_the_compiled_fold_is_the_plain_one() -> None:
    random = Random(5)
    digests = np.array([random.getrandbits(64) for _ in range(500)] + [0, 1, 2**64 - 1, 2**63], dtype=np.uint64)
    for seed in (0, 1, 2**64 - 1, random.getrandbits(64)):
        assert hashes.compiled()(digests, seed) == hashes._plain(digests, seed)


def test_a_process_does_one_thing_after_another_at_one_instant_too() -> None:
    one = history(appended(0, 0, 2, "a", ack=0), check_tail(0, 2, 3, 0))
    refused(one, 1, 0, why="what its process did next")
    check(history(appended(0, 0, 2, "a", ack=0), check_tail(1, 2, 3, 0)), 1, 0)


def test_streams_are_kept_apart() -> None:
    two = history(appended(0, 0, 1, "a", ack=0), check_tail(1, 2, 3, 0, stream="t"))
    valid.check(two, 0, np.array([0]), np.array([0]), np.array([False]), None)
    with pytest.raises(Refuted, match="of another stream"):
        valid.check(two, 0, np.array([0]), np.array([0, 1]), np.array([False, False]), None)
