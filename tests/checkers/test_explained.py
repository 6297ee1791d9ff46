"""How far an order explains a stream that is not valid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fencepost.checkers.kernel.columns import requirements, rows_of
from fencepost.checkers.linearizability import Linearizability
from fencepost.checkers.linearizability.attempts import Attempts
from fencepost.harness.history.history import Int64s
from fencepost.harness.verdict import Explained
from fencepost.testing import Op, append, by_invocation, check_tail, history, read
from tests.checkers.damage import story_of
from tests.checkers.oracle import explain
from tests.checkers.stories import ALL

WRITTEN = [append(0, 10 * i + 1, 10 * i + 2, "abcd"[i], ack=i) for i in range(4)]


def explained(*ops: Op) -> Explained:
    (found,) = Linearizability().check(history(*ops)).explained
    return found


def test_up_to_the_answer_that_is_out_of_date_everything_is_explained() -> None:
    found = explained(*WRITTEN[:3], check_tail(1, 23, 24, 1), *WRITTEN[3:])
    assert found == Explained("s", 3, 5, 3, 21, 3, "check-tail #3 told another tail than there was")


def test_an_order_ends_where_it_would_leave_real_time() -> None:
    """The second and the third append stand in the stream the other way round."""
    swapped = append(0, 11, 12, "b", ack=2), append(0, 21, 22, "c", ack=1)
    found = explained(WRITTEN[0], *swapped, WRITTEN[3])
    assert (found.moments, found.of, found.tail) == (2, 4, 2)
    assert found.because == "append #1 stands after an operation that was invoked when it had returned"


def test_the_order_of_the_calls_may_explain_more_than_a_doubtful_one() -> None:
    """What the last answer says bounds the answer before it, which is right by itself."""
    found = explained(append(0, 4, 90, "a", ack=0), check_tail(1, 10, 11, 1), check_tail(2, 20, 21, 0))
    assert (found.moments, found.of, found.refused) == (2, 3, 2)


def test_where_no_order_is_proposed_that_of_the_answers_is_tried() -> None:
    """Two appends were acknowledged at one place."""
    found = explained(*WRITTEN[:2], append(1, 13, 19, "z", ack=1), check_tail(1, 50, 51, 2))
    assert (found.moments, found.of, found.tail) == (2, 4, 2)
    assert found.because == "append #2 was acknowledged at another start than the tail"


def test_of_a_valid_stream_nothing_is_said() -> None:
    assert Linearizability().check(history(*WRITTEN, read(1, 50, 51, 0, saw="a b c d"))).explained == ()


def test_brute_force_explains_what_it_says_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[tuple[Attempts, Int64s]] = []
    keep = Attempts._explains

    def keeping(attempts: Attempts, order: Int64s, of: int, row: int, why: str) -> None:
        before = attempts.explained
        keep(attempts, order, of, row, why)
        if attempts.explained is not before:
            kept.append((attempts, order))

    monkeypatch.setattr(Attempts, "_explains", keeping)
    checked = 0
    for seed in range(300):
        story = story_of(seed, ALL)
        kept.clear()
        result = Linearizability(minimal=False).check(story.history)
        if not result.explained or any(op.parts for op in story.ops):
            continue
        (rows,) = rows_of(story.history)
        asked = requirements(story.history, 0, rows).asked
        order = [order for attempts, order in kept if attempts is kept[0][0]][-1]  # what comes later is of less of it
        inside = np.isin(np.arange(len(asked.row)), order)
        rows_in, rows_out = set(asked.row[inside].tolist()), set(asked.row[~inside].tolist())
        ops = by_invocation(story.ops)
        if rows_in & rows_out:
            continue
        some = replace(story, ops=tuple(ops[row] for row in sorted(rows_in)))
        assert explain(some.ops, **some.declared) is not None, f"{result.explained}\n{some}\nof {story}"
        checked += 1
    assert checked > 20
