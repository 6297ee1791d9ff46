"""A history that is written as a journal and read again is the same history."""

from __future__ import annotations

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fencepost.harness.history import events
from fencepost.harness.history.builder import Builder
from fencepost.harness.history.history import History
from fencepost.harness.history.reader import parse_history
from fencepost.harness.history.writer import journal, told

from .events_at_random import header, plain, random_history

many = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def again(history: History) -> History:
    return parse_history(b"".join(journal(history)), "journal")


@many
@given(st.randoms(use_true_random=False))
def test_a_journal_keeps_a_whole_history(random: Random) -> None:
    history = random_history(random)
    kept = again(history)
    kept.warnings.clear()  # the reader's own doubts
    assert plain(kept) == plain(history)


def built(*given: events.Event) -> History:
    builder = Builder(header(Random(0)))
    for event in given:
        builder.add(event)
    return builder.build()


def test_what_happened_at_one_instant_stays_in_its_order() -> None:
    read = events.ReadInvoked(op=0, time=5, process=0, stream="s", seq_num=0)
    frames = [
        events.Frame(op=op, of=0, time=5, seq_nums=[op], timestamps=[0], digests=[op], sizes=[8]) for op in (2, 3)
    ]
    rest = events.BatchRead(op=0, time=5, seq_nums=[4], timestamps=[0], digests=[4], sizes=[8])
    following = [
        event
        for op in (5, 6, 7)
        for event in (
            events.CheckTailInvoked(op=op, time=5, process=0, stream="s"),
            events.TailRead(op, 5, (5, None)),
        )
    ]
    history = built(read, *frames, rest, *following)
    assert plain(again(history)) == plain(history)
    order = [(type(event), getattr(event, "op", None)) for event in told(history)]
    assert order == [(type(event), event.op) for event in (read, *frames, rest, *following)]


def test_an_answer_stands_before_what_was_invoked_at_its_instant() -> None:
    """So that a process is seen to do one thing after another."""
    history = built(
        events.CheckTailInvoked(op=0, time=1, process=0, stream="s"),
        events.CheckTailInvoked(op=1, time=4, process=1, stream="s"),
        events.TailRead(0, 4, (0, None)),
        events.CheckTailInvoked(op=2, time=4, process=0, stream="s"),
    )
    assert [getattr(event, "op", None) for event in told(history)] == [0, 0, 1, 2]
