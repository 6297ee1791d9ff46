"""Theorems 1 and 2, and the traps: for a checker that looks at pairs only, or takes an answer for more than it is."""

from __future__ import annotations

import pytest

from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.verdict import CheckResult, Violation
from fencepost.testing import Op, append, check_tail, history, read


def judge(*ops: Op, tail: int = 0, token: str | None = "") -> CheckResult:
    return Linearizability().check(history(*ops, tail=tail, token=token))


def only(*ops: Op) -> Violation:
    result = judge(*ops)
    assert len(result.violations) == 1, result
    return result.violations[0]


FENCES = (
    append(0, 1, 2, "fence=x", ack=0),
    append(0, 3, 4, "a b c", ack=1),
    append(0, 5, 100, "fence=y", ack=4),
    append(1, 5, 100, "d", ack=5),
    append(2, 5, 100, "e", ack=6),
    append(3, 5, 100, "f g", ack=7),
    append(4, 5, 100, "fence=x", ack=9),
)
O1 = read(5, 10, 11, 0, saw="fence=x a b c fence=y d", count=6)
O2 = append(6, 12, 13, "z", token="nobody's", fence="x")
O3 = check_tail(7, 14, 15, 7)


@pytest.mark.parametrize("pair", [(O1, O2), (O2, O3), (O1, O3)])
def test_with_token_slots_every_pair_is_fine(pair: tuple[Op, Op]) -> None:
    assert judge(*FENCES, *pair).validity == "valid"


def test_and_yet_all_three_are_not() -> None:
    violation = only(*FENCES, O1, O2, O3)
    assert violation.operations == (7, 8, 9)
    assert violation.anomaly == "fence-regression"


def test_a_chain_of_alternating_fences_needs_a_witness_as_long() -> None:
    """Each refusal is forced one slot further by the one before; any of them left out, the rest is fine."""
    fences = [append(i, 1, 1000, f"fence={'xy'[i % 2]}", ack=i) for i in range(8)]
    start = check_tail(20, 2, 3, 1)
    forced = [
        append(21 + i, 10 * i + 10, 10 * i + 11, "q", token="w", fence="yx"[i % 2]) for i in range(6)
    ]  # tails 2 (y), 3 (x), … at least
    end = check_tail(40, 500, 501, 6)
    violation = only(*fences, start, *forced, end)
    assert len(violation.operations) == 7
    for left_out in range(len(forced)):
        rest = [one for i, one in enumerate(forced) if i != left_out]
        assert judge(*fences, start, *rest, end).validity == "valid"


def test_equal_instants_are_concurrent() -> None:
    assert judge(append(0, 1, 5, "a", ack=0), check_tail(1, 5, 6, 0)).validity == "valid"
    assert only(append(0, 1, 5, "a", ack=0), check_tail(1, 6, 7, 0)).anomaly == "stale-read"


@pytest.mark.parametrize(("invoked", "validity"), [(13, "valid"), (14, "invalid")])
def test_equal_instants_are_concurrent_for_refusals_too(invoked: int, validity: str) -> None:
    """The first refusal is forced past y; the second, that reports y, must not come after it."""
    fences = [append(i, 1, 100, f"fence={token}", ack=i) for i, token in enumerate("xyx")]
    first = append(6, 12, 13, "a", token="w", fence="x")
    second = append(7, invoked, 15, "b", token="w", fence="y")
    assert judge(*fences, check_tail(5, 10, 11, 2), first, second).validity == validity


def test_but_not_within_a_process() -> None:
    violation = only(append(0, 1, 5, "a", ack=0), check_tail(0, 5, 6, 0))
    assert (violation.anomaly, violation.edges[0].kind) == ("stale-read", "process")


def test_process_order_goes_through_operations_that_prove_nothing() -> None:
    violation = only(append(0, 1, 5, "a", ack=0), append(0, 5, 5, "b", failed="rate_limited"), check_tail(0, 5, 6, 0))
    assert violation.operations == (0, 2)


def test_a_followed_tail_may_lag_behind_an_acknowledgement() -> None:
    ops = append(0, 1, 2, "a", ack=0), append(0, 3, 4, "b", ack=1)
    assert judge(*ops, read(1, 5, 6, 0, saw="a", wait=1, followed=1)).validity == "valid"


def test_an_observation_of_what_nobody_had_begun_to_append() -> None:
    violation = only(read(1, 1, 2, 0, saw="a"), append(0, 3, 4, "a", ack=0))
    assert (violation.anomaly, violation.operations) == ("future-read", (0, 1))


def test_acknowledged_appends_keep_their_order_in_time() -> None:
    violation = only(append(0, 1, 2, "a", ack=1), append(1, 3, 4, "b", ack=0))
    assert (violation.anomaly, violation.operations) == ("append-reorder", (0, 1))


def test_an_old_token_reported_after_a_newer_fence() -> None:
    violation = only(
        append(0, 1, 2, "fence=x", ack=0),
        append(0, 3, 4, "fence=y", ack=1),
        append(1, 5, 6, "a", token="w", fence="x"),
    )
    assert (violation.anomaly, violation.operations) == ("fence-regression", (1, 2))
    assert [edge.kind for edge in violation.edges] == ["rt", "tr"]


def test_the_slot_of_a_token_ends_where_the_next_fencing_batch_begins() -> None:
    """The batch that fences is itself tested against the old token, however late in it the fence stands."""
    ops = append(0, 1, 2, "fence=x", ack=0), append(1, 3, 9, "a fence=y", ack=1, token="x")
    assert judge(*ops, append(2, 3, 9, "b", token="w", fence="x")).validity == "valid"
    assert only(*ops, append(2, 10, 11, "b", ack=3, token="x")).anomaly == "stale-token-write"


def test_of_two_fences_in_a_batch_the_first_is_never_visible() -> None:
    ops = (append(0, 1, 2, "fence=x fence=y", ack=0),)
    assert only(*ops, append(1, 1, 3, "a", token="w", fence="x")).anomaly == "phantom-fence"
    assert judge(*ops, append(1, 1, 3, "a", token="w", fence="y")).validity == "valid"


def test_an_unseen_indefinite_append_fills_a_hole() -> None:
    assert judge(append(0, 1, None, "a"), append(1, 2, 3, "b", ack=1)).validity == "valid"


def test_a_hole_is_closed_to_what_came_too_late() -> None:
    """The tail was 5 before the append was invoked: it can never fill [3, 5)."""
    ops = append(0, 1, 2, "a b c", ack=0), check_tail(1, 3, 4, 5)
    assert judge(*ops, append(2, 1, None, "x y")).validity == "valid"
    assert judge(*ops, append(2, 5, None, "x y")).validity == "invalid"


@pytest.mark.parametrize(("records", "validity"), [("x", "invalid"), ("x y", "valid"), ("x y z", "invalid")])
def test_a_hole_is_closed_to_what_does_not_fit(records: str, validity: str) -> None:
    ops = append(0, 1, 2, "a b c", ack=0), append(1, 3, 4, "d", ack=5)
    assert judge(*ops, append(2, 1, None, records)).validity == validity


def test_a_certain_violation_stays_invalid_beside_a_hole() -> None:
    ops = append(0, 1, None, "a"), append(1, 2, 3, "b", ack=1)
    assert judge(*ops, check_tail(2, 5, 6, 1)).validity == "invalid"


def test_a_token_that_only_an_unread_fence_can_have_set_tells_that_it_was_applied() -> None:
    ops = append(0, 1, 2, "a", ack=0), append(1, 3, None, "fence=x"), append(2, 5, 6, "b", token="w", fence="x")
    assert judge(*ops).validity == "valid"
    assert judge(*ops, check_tail(3, 7, 8, 1)).validity == "invalid"
    assert judge(*ops, read(3, 7, 8, 0, saw="a fence=x")).validity == "valid"
    assert judge(*ops, read(3, 7, 8, 0, saw="a"), append(4, 9, 10, "c", ack=1)).validity == "invalid"


def test_a_bodyless_refusal_may_be_why_an_unseen_append_was_applied() -> None:
    ops = append(0, 1, None, "a"), append(1, 5, 6, "b", match=0, failed="condition_failed", status=412)
    assert judge(*ops, check_tail(2, 1, 2, 0)).validity == "valid"
    assert judge(ops[1], check_tail(2, 1, 2, 0)).validity == "invalid"


def test_an_unknown_initial_token_is_one_token() -> None:
    one = append(0, 1, 2, "a", token="w", fence="k"), check_tail(3, 1, 2, 0)
    assert judge(*one, append(1, 3, 4, "b", token="k", ack=0), token=None).validity == "valid"
    other = append(1, 3, 4, "b", token="l", ack=0)
    assert judge(*one, other, token=None).validity == "invalid"


def test_nothing_succeeded_is_unknown_unless_it_is_worse() -> None:
    assert judge(append(0, 1, 2, "a", failed="rate_limited")).validity == "unknown"
    assert judge().validity == "unknown"
    assert judge(append(0, 1, 2, "a", match=0, tail=0)).validity == "invalid"


def test_streams_are_judged_alone_and_told_apart() -> None:
    result = judge(
        append(0, 1, 2, "a", ack=0, stream="one"),
        append(0, 3, 4, "b", ack=0, stream="two"),
        check_tail(0, 5, 6, 0, stream="two"),
    )
    assert [violation.stream for violation in result.violations] == ["two"]
    assert result.details["streams"]["one"]["violations"] == 0
    assert result.details["streams"]["two"]["violations"] == 1


def test_one_root_is_told_once() -> None:
    """A tail that is far ahead makes every later append look late: one violation, with their number."""
    later = [append(0, 10 * i, 10 * i + 1, f"r{i}", ack=i) for i in range(1, 30)]
    result = judge(append(0, 1, 2, "r0", ack=0), check_tail(1, 3, 4, 30), *later)
    assert [(violation.anomaly, violation.count) for violation in result.violations] == [("future-read", 29)]
