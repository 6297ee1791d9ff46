"""Rules that small random histories do not reach: sessions, parts of answers, hashes, one instant of the clock."""

from __future__ import annotations

import pytest

from fencepost.checkers.kernel.hashing import folded
from fencepost.harness.history import events
from fencepost.harness.history.history import History
from fencepost.testing import append as appended
from fencepost.testing import check_tail, history
from tests.certificates.journals import ack, append, build, frame, read
from tests.certificates.ordering import accepted, refused


def test_batches_of_a_session_stand_in_its_order() -> None:
    started = (append(0, 1, [11], session=1), append(1, 2, [12], session=1))
    accepted(build(*started, ack(0, 8, 0, 1), ack(1, 9, 1, 2)), 0, 1)
    refused(build(*started, ack(1, 8, 0, 1), ack(0, 9, 1, 2)), 1, 0, why="stands before what")


def test_no_batch_of_a_session_is_applied_after_one_that_was_not() -> None:
    started = (append(0, 1, [11], session=1), append(1, 2, [12], session=1))
    lost = build(*started, events.Indefinite(0, 5, "lost"), ack(1, 9, 0, 1))
    refused(lost, 1, why="stands before what")
    failed = build(*started, events.Failed(0, 5, "rate_limited", 429), ack(1, 9, 0, 1))
    refused(failed, 1, why="in a session that had failed before")
    apart = build(append(0, 1, [11], session=1), append(1, 2, [12], session=2), ack(1, 9, 0, 1))
    accepted(apart, 1)


def test_parts_of_an_answer_stand_in_their_order() -> None:
    written = (append(0, 1, [11]), ack(0, 2, 0, 1), append(1, 3, [12]), ack(1, 4, 1, 2))
    opened = read(2, 1, seq_num=0, session=3)
    parts = (frame(3, 2, 5, [0], [11]), frame(4, 2, 6, [1], [12], tail=2), events.Indefinite(2, 9, "closed"))
    told = sorted((*written, opened), key=lambda event: event.time)
    judged = build(*told, *parts)
    accepted(judged, 0, 1, 3, 4)
    refused(judged, 0, 1, 4, 3, why="stands before what")
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

    accepted(answer(), 0, 2, (2, True))
    accepted(answer(count=3, wait=1), 0, 2, (2, True))
    refused(answer(count=3), 0, 2, (2, True), why="although it began at the tail")


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

    accepted(answer({}, 1000), 0, 1)
    refused(answer({"session": 1}, 1000), 0, 1, why="ended without a reason")
    accepted(answer({"session": 1}, 1001), 0, 1)


def test_a_hash_is_that_of_the_log() -> None:
    written = (append(0, 1, [11, 12]), ack(0, 2, 0, 2))
    right = folded(folded(0, 11), 12)
    accepted(build(*written, read(1, 3), events.WholeRead(1, 4, (2, 7), right)), 0, 1)
    refused(build(*written, read(1, 3), events.WholeRead(1, 4, (2, 7), right ^ 1)), 0, 1, why="another hash")
    refused(build(*written, read(1, 1), events.WholeRead(1, 4, (2, 7), right)), 1, 0, why="another tail")


def test_a_process_does_one_thing_after_another_at_one_instant_too() -> None:
    one = history(appended(0, 0, 2, "a", ack=0), check_tail(0, 2, 3, 0))
    refused(one, 1, 0, why="stands before what")
    accepted(history(appended(0, 0, 2, "a", ack=0), check_tail(1, 2, 3, 0)), 1, 0)


def test_streams_are_kept_apart() -> None:
    two = history(appended(0, 0, 1, "a", ack=0), check_tail(1, 2, 3, 0, stream="t"))
    accepted(two, 0)
    accepted(two, 1, stream=1)
    refused(two, 0, 1, why="a moment that the history does not have")
