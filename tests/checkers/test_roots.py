"""One root is told once, independent ones each, and all are counted."""

from __future__ import annotations

from fencepost.checkers.linearizability import Linearizability
from fencepost.checkers.linearizability.naming import ALIKE, FEW, TOLD
from fencepost.harness.check_limits import Budget, CheckLimits
from fencepost.harness.verdict import Validity, Violation
from fencepost.testing import Op, append, check_tail, history, read


def found(*ops: Op) -> tuple[Violation, ...]:
    return Linearizability().check(history(*ops)).violations


def test_a_lost_batch_is_one_violation_with_several_names() -> None:
    (violation,) = found(
        append(0, 0, 1, "a", ack=0), append(0, 2, 3, "b", ack=0), *(read(1, t, t + 1, 0, saw="b") for t in (4, 6, 8))
    )
    assert violation.names[0] == "lost-write"
    assert "bad-ack" in violation.also
    assert "inconsistent-offsets" in violation.also


def test_reads_that_leave_out_the_same_batch_are_counted() -> None:
    ops = [append(0, 0, 1, "a", ack=0), append(0, 2, 3, "b", ack=1), append(0, 4, 5, "c", ack=2)]
    (violation,) = found(*ops, *(read(1, 10 * t, 10 * t + 1, 0, saw="a #2 c") for t in range(1, 9)))
    assert violation.anomaly == "lost-write"
    assert violation.count == 8


def test_a_read_that_leaves_out_two_batches_tells_of_both() -> None:
    batches = [append(0, 10 * i, 10 * i + 1, name, ack=i) for i, name in enumerate("abcde")]
    (violation,) = found(*batches, read(1, 90, 91, 0, saw="a #2 c #4 e"))
    assert (violation.anomaly, violation.position) == ("lost-write", 1)
    assert any("left out position 3, although append #3" in text for text in violation.sentences)


def test_a_stale_answer_is_its_own_fault_whatever_it_missed() -> None:
    told = found(append(0, 0, 1, "a", ack=0), check_tail(1, 2, 3, 0), check_tail(2, 2, 3, 0))
    assert [violation.operations for violation in told] == [(0, 1), (0, 2)]


def test_an_append_that_is_wrong_by_itself_stands_for_what_follows_from_it() -> None:
    """The check-tails are stale only by the word of an append that stands where it must not."""
    (violation,) = found(
        append(0, 0, 1, "a b", ack=0),
        append(1, 2, 3, "c", match=0, ack=2),
        append(2, 4, 5, "d", match=0, ack=3),
        append(0, 6, 7, "e", ack=4),
    )[:1]
    assert violation.names == ("match-violation", "lost-update")


def test_many_of_one_kind_are_few_and_counted() -> None:
    number = TOLD + 40
    told = found(append(0, 0, 1, "a", ack=0), *(check_tail(i, 2, 3, 0) for i in range(1, number + 1)))
    assert len(told) == ALIKE
    assert sum(violation.count for violation in told) == number
    assert told[-1].sentences[-1] == f"This stands for {number - ALIKE} more of its kind on this stream."


def test_roots_beyond_those_that_are_told_are_known() -> None:
    """Each of many appends ignores its match_seq_num: that two of them gave the same is no news, told or not."""
    number = 2 * TOLD
    ops = [append(0, 2 * i, 2 * i + 1, f"r{i}", match=(i // 2) * 2, ack=i) for i in range(2 * number)]
    told = found(*ops)
    assert {violation.anomaly for violation in told} == {"match-violation"}
    assert sum(violation.count for violation in told) == number


def test_different_kinds_are_all_told() -> None:
    told = found(
        append(0, 0, 1, "fence=x", ack=0),
        append(1, 2, 3, "fence=y", token="x", ack=1),
        append(0, 4, 5, "a", token="x", ack=2),
        check_tail(2, 6, 7, 1),
        append(3, 8, 9, "b", match=3, tail=3),
    )
    assert [violation.anomaly for violation in told] == ["stale-token-write", "spurious-rejection", "stale-read"]


def test_what_is_refuted_is_told_even_if_no_time_is_left() -> None:
    limits = CheckLimits(Budget(states=1, seconds=0.0, bytes=1))
    result = Linearizability().check(history(append(0, 0, 1, "a", ack=0), check_tail(1, 2, 3, 0)), limits)
    assert result.validity is Validity.INVALID
    assert [violation.anomaly for violation in result.violations] == ["stale-read"]


def test_thousands_of_one_kind_are_all_counted() -> None:
    number = 3_000
    told = found(append(0, 0, 1, "a", ack=0), *(check_tail(i, 2, 3, 0) for i in range(1, number + 1)))
    assert sum(violation.count for violation in told) == number


def test_that_not_all_was_looked_for_is_told() -> None:
    """Each round of a long stream finds what breaks one rule. Here more are broken than there are rounds."""
    ops = (
        append(0, 0, 1, "a", ack=(0, 2)),
        append(0, 2, 3, "b", ack=(1, 2, 1)),
        append(0, 4, 5, "c", match=9, ack=2),
        append(0, 6, 7, "d e", ack=3),
        check_tail(0, 8, 9, 4),
        read(0, 10, 11, 0, count=1, saw="x"),
        check_tail(0, 12, 13, 99),
        *(check_tail(0, 20 + 2 * i, 21 + 2 * i, 5) for i in range(FEW)),
        check_tail(0, 10**6, 10**6 + 1, failed="stream_not_found"),
    )
    result = Linearizability().check(history(*ops))
    assert not result.details["streams"]["s"]["violations-complete"]
    assert any("more is wrong than was looked for" in warning for warning in result.warnings)
