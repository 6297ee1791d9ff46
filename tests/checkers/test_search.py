"""The search: what it settles, what it costs, what it says when it is given up."""

from __future__ import annotations

from itertools import permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost.checkers.kernel.unfolding import unfolded
from fencepost.checkers.linearizability import Linearizability
from fencepost.checkers.search import search
from fencepost.harness.check_limits import Budget, CheckLimits
from fencepost.harness.history import events
from fencepost.harness.history.builder import Builder
from fencepost.harness.history.chain_hash import fold
from fencepost.harness.history.history import History
from fencepost.harness.verdict import CheckResult
from fencepost.testing import append, check_tail, header, history, read
from tests.checkers.partitions import hard, spoiled, three_partition, triples

words = st.integers(0, 2**64 - 1)


def judge(found: History, **budget: float) -> CheckResult:
    return Linearizability().check(found, CheckLimits(Budget(**budget)))  # type: ignore[arg-type]


@given(words, st.lists(words, max_size=5))
def test_a_hash_goes_back_the_way_it_came(chained: int, digests: list[int]) -> None:
    assert unfolded(fold(digests, chained), digests) == chained


@pytest.mark.parametrize("seed", range(5))
def test_a_partition_is_found_if_there_is_one(seed: int) -> None:
    sizes = triples(Random(seed), 5, 43)
    Random(seed).shuffle(sizes)
    assert judge(history(*three_partition(sizes, 5))).validity == "valid"


@pytest.mark.parametrize("seed", range(5))
def test_no_partition_is_invalid_once_every_one_was_tried(seed: int) -> None:
    sizes = spoiled(triples(Random(seed), 5, 43))
    result = judge(history(*three_partition(sizes, 5)))
    assert result.validity == "invalid"
    assert (
        "every way of applying the 15 appends of unknown outcome was tried" in result.violations[0].sentences[0].lower()
    )


def test_a_budget_of_states_ends_a_search_and_says_what_is_open() -> None:
    result = judge(history(*hard()), states=2000)
    assert result.validity == "unknown"
    (reason,) = result.reasons
    assert "given up after 2,000 states" in reason
    assert "who wrote positions" in reason
    assert "candidates, all of unknown outcome: #" in reason
    assert "a read of positions" in reason


def test_a_budget_of_memory_ends_a_search() -> None:
    assert "given up after 1 MiB" in judge(history(*hard()), bytes=2**20).reasons[0]


def test_a_budget_of_seconds_ends_a_search() -> None:
    assert "given up after 0.5 seconds" in judge(history(*hard()), seconds=0.5).reasons[0]


def test_an_interrupt_ends_a_search_and_keeps_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter(range(100))

    def interrupted(*_: object) -> None:
        if next(calls) == 50:
            raise KeyboardInterrupt

    monkeypatch.setattr(search.Spending, "state", interrupted)
    result = judge(history(*hard()))
    assert result.validity == "unknown"
    assert "the search was interrupted" in result.reasons[0]
    assert "candidates" in result.reasons[0]


def test_a_certain_violation_is_told_without_any_search() -> None:
    late = append(2000, 900, 901, "y", match=3, tail=3)
    result = judge(history(*three_partition(triples(Random(7), 12, 43), 12), late), states=1)
    assert result.validity == "invalid"


# -- what nobody read decides


def test_a_silent_refusal_needs_the_lost_append() -> None:
    refused = append(1, 5, 6, "b", match=0, failed="condition_failed", status=412)
    assert judge(history(append(0, 0, None, "a"), refused)).validity == "valid"
    assert judge(history(append(0, 0, None, "a"), refused, check_tail(2, 7, 8, 0))).validity == "invalid"


def test_the_longest_goes_first() -> None:
    """A hole of three and a later one of two, and lost appends of three, two and one."""
    lost = append(0, 0, None, "a b c"), append(1, 0, None, "d e"), append(2, 0, None, "f")
    acked = append(3, 1, 2, "x y", ack=0), append(3, 3, 4, "z", ack=5), append(3, 5, 6, "w", ack=8)
    assert judge(history(*lost, *acked)).validity == "valid"
    assert judge(history(*lost[:1], lost[2], *acked)).validity == "invalid"


def test_equal_contents_with_different_conditions_are_told_apart() -> None:
    lost = append(0, 0, None, "a", token="x"), append(1, 0, None, "a", match=1)
    fence = append(2, 1, 2, "fence=x", ack=0)
    saw = read(3, 9, 10, 0, saw="fence=x a b a"), append(4, 5, 6, "b", ack=2)
    assert judge(history(*lost, fence, *saw)).validity == "valid"
    other = append(0, 0, None, "a", token="y"), lost[1]
    assert judge(history(*other, fence, *saw)).validity == "invalid"


@pytest.mark.parametrize("lost", list(permutations(("a~10", "b~100", "c~10", "d~10"))))
def test_what_a_read_had_no_room_for_is_remembered_whoever_came_after_it(lost: tuple[str, ...]) -> None:
    """The large record has to be the first of three, of which the sizes are the same in every order."""
    ops = [append(i, 0, None, one) for i, one in enumerate(lost)]
    assert judge(history(*ops, check_tail(7, 1, 2, 3), read(8, 3, 4, 0, saw="", bytes=50))).validity == "valid"
    assert judge(history(*ops, check_tail(7, 1, 2, 3), read(8, 3, 4, 0, saw="", bytes=9))).validity == "valid"
    ops = [one for one in ops if one.records[0].name != "b"]
    assert judge(history(*ops, check_tail(7, 1, 2, 3), read(8, 3, 4, 0, saw="", bytes=50))).validity == "invalid"


# -- sessions


def in_session(op: int, time: int, *digests: int, session: int = 1) -> events.AppendInvoked:
    return events.AppendInvoked(
        op=op, time=time, process=0, stream="s", digests=list(digests), sizes=[8] * len(digests), session=session
    )


def acked(op: int, time: int, start: int, end: int) -> events.Acked:
    return events.Acked(op, time, (start, 0), (end, 0), (end, 0))


def told(*given: events.Event) -> CheckResult:
    builder = Builder(header())
    for event in given:
        builder.add(event)
    return judge(builder.build())


TAIL = events.CheckTailInvoked(op=9, time=20, process=5, stream="s")


def test_the_batches_of_a_session_stand_in_their_order() -> None:
    sent = in_session(0, 0, 1), in_session(1, 1, 2)
    assert told(*sent, acked(0, 5, 0, 1), acked(1, 6, 1, 2)).validity == "valid"
    (violation,) = told(*sent, acked(1, 5, 0, 1), acked(0, 6, 1, 2)).violations
    assert violation.anomaly == "session-order"
    assert violation.operations == (0, 1)


def test_no_batch_is_applied_after_its_session_had_failed() -> None:
    sent = in_session(0, 0, 1), in_session(1, 1, 2)
    failed = events.Failed(0, 5, "rate_limited", 429)
    result = told(*sent, failed, acked(1, 6, 0, 1))
    assert "session-poison" in {violation.anomaly for violation in result.violations}


@pytest.mark.parametrize(("tail", "validity"), [(0, "valid"), (2, "valid"), (3, "valid"), (1, "invalid")])
def test_what_a_session_leaves_unanswered_was_applied_as_an_ordered_prefix(tail: int, validity: str) -> None:
    """Two batches, of two records and then of one: a tail of one would be the second without the first."""
    sent = in_session(0, 0, 1, 2), in_session(1, 1, 3)
    assert told(*sent, TAIL, events.TailRead(9, 21, (tail, 0))).validity == validity


def test_an_acknowledged_batch_tells_of_those_before_it() -> None:
    sent = in_session(0, 0, 1), in_session(1, 1, 2)
    assert told(*sent, acked(1, 6, 1, 2)).validity == "valid"
    assert told(*sent, acked(1, 6, 0, 1)).validity == "invalid"


# -- whole reads


def whole(op: int, time: int, *digests: int, end: int | None = None) -> list[events.Event]:
    read_all = events.ReadInvoked(op=op, time=time, process=op, stream="s", seq_num=0)
    tail = len(digests) if end is None else end
    return [read_all, events.WholeRead(op, time + 1, (tail, 0), fold(digests))]


def lost(op: int, *digests: int) -> events.AppendInvoked:
    return events.AppendInvoked(
        op=op, time=0, process=100 + op, stream="s", digests=list(digests), sizes=[8] * len(digests)
    )


def test_a_hash_tells_who_wrote_what_nobody_acknowledged() -> None:
    sent = lost(0, 1), lost(1, 2), lost(2, 1, 2)
    assert told(*sent, *whole(3, 5, 2, 1)).validity == "valid"
    assert told(*sent, *whole(3, 5, 1, 2), *whole(4, 7, 1, 2, 1, 2)).validity == "valid"
    assert told(*sent, *whole(3, 5, 2, 2)).validity == "invalid"
    assert told(*sent, *whole(3, 5, 1), *whole(4, 7, 2, 1)).validity == "invalid"


def test_a_hash_that_is_not_that_of_what_was_acknowledged() -> None:
    batch = events.AppendInvoked(op=0, time=0, process=0, stream="s", digests=[1, 2], sizes=[8, 8])
    assert told(batch, acked(0, 1, 0, 2), *whole(1, 2, 1, 2)).validity == "valid"
    (violation,) = told(batch, acked(0, 1, 0, 2), *whole(1, 2, 2, 1)).violations
    assert violation.anomaly == "inconsistent-offsets"
    assert told(batch, acked(0, 1, 0, 2), *whole(1, 2, 1)).validity == "invalid"
