"""Statistics against counts made the slow way, and what they say of a run that did too little."""

from __future__ import annotations

import json
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest

from fencepost.checkers.statistics import COUNTERS, Statistics
from fencepost.checkers.statistics.activity import Activity
from fencepost.checkers.statistics.contention import concurrency, overlapping
from fencepost.checkers.statistics.zombies import zombies
from fencepost.harness.history import events
from fencepost.harness.history.history import FOREVER, History, Kind, Outcome
from fencepost.harness.registry import Registry
from fencepost.harness.verdict import Checker, Validity

from .pictured import MS, built, fenced, header, plain


def append(op: int, time: int, *, token: str | None = None, fence: str | None = None, **more: Any) -> events.Event:
    """An append of one record."""
    common: dict[str, Any] = {"process": op, "stream": "s", "digests": [op], "sizes": [10]} | more
    fences = None if fence is None else {0: fence}
    return events.AppendInvoked(op=op, time=time, fencing_token=token, fences=fences, **common)


def acked(op: int, time: int, start: int) -> events.Event:
    """Its acknowledgement."""
    return events.Acked(op, time, (start, 0), (start + 1, 0), (start + 1, 0))


def counters(history: History) -> dict[str, int]:
    """The counters that the checker reports."""
    counted: dict[str, int] = Statistics().check(history).details["counters"]
    return counted


def test_registered_as_a_checker() -> None:
    checker = Registry[Checker]("fencepost.checkers", "checker").make("statistics")
    assert isinstance(checker, Statistics)
    assert checker.anomalies == ()


def test_counts_of_a_small_history_by_hand() -> None:
    history = built(
        header("s", exercises={"take-overs": 1}),
        append(0, 0, fence="a"),
        acked(0, 10 * MS, 0),
        append(1, 5 * MS, token="a", match_seq_num=7),
        events.Failed(1, 9 * MS, "seq_num_mismatch", 412, {"seq_num_mismatch": 1}),
        append(2, 11 * MS, token="b"),
        events.Failed(2, 12 * MS, "fencing_token_mismatch", 412, {"fencing_token_mismatch": "a"}),
        append(3, 20 * MS),
        events.Indefinite(3, 30 * MS, "ReadError"),
        append(4, 21 * MS),
        events.ReadInvoked(op=5, time=40 * MS, process=5, stream="s", seq_num=0, purpose="strong-read"),
        events.BatchRead(op=5, time=44 * MS, seq_nums=[0], timestamps=[0], digests=[0], sizes=[10], fences={0: "a"}),
        events.CheckTailInvoked(op=6, time=50 * MS, process=6, stream="s"),
        events.Failed(6, 50 * MS, "not_sent"),
        events.Fault(15 * MS, "kill", "start"),
        events.Fault(25 * MS, "kill", "heal"),
        events.Fault(45 * MS, "kill", "start"),
        events.Fault(50 * MS, "kill", "failure"),
    )
    result = Statistics().check(history)
    details = result.details
    assert result.validity is Validity.VALID
    assert result.warnings == ()
    assert json.loads(json.dumps(details)) == details
    assert details["operations"] == 7
    assert details["by_kind"]["append"] == {
        "total": 5,
        "ok": 1,
        "failed": 2,
        "indefinite": 2,
        "codes": {"seq_num_mismatch": 1, "fencing_token_mismatch": 1},
        "reasons": {"never returned": 1, "ReadError": 1},
    }
    assert details["by_kind"]["check-tail"]["codes"] == {"not_sent": 1}
    assert details["latency_ms"]["append"]["succeeded"]["max"] == 10
    assert details["latency_ms"]["append"]["refused"] == {
        "count": 2,
        "p50": 1,
        "p90": 4,
        "p99": 4,
        "p99.9": 4,
        "max": 4,
    }
    assert "check-tail" not in details["latency_ms"], "what was never sent has no latency"
    assert details["seconds"] == 0.05
    assert details["rates"]["operations"] == 120
    assert details["rates"]["by_kind"] == {"append": 80, "read": 20, "check-tail": 20}
    assert details["concurrency"]["max"] == 2
    assert details["counters"] == {
        "operations": 7,
        "acknowledged-appends": 1,
        "answered-reads": 1,
        "answered-check-tails": 0,
        "seq-num-mismatches": 1,
        "fencing-token-mismatches": 1,
        "take-overs": 1,
        "zombie-appends": 0,
        "overlapping-appends": 4,
        "strong-reads": 1,
        "batches-in-flight": 0,
        "batches-after-failure": 0,
        "trims": 0,
        "resumed-reads": 0,
        "repeated-appends": 0,
        "records-appended": 1,
        "records-read": 1,
        "indefinite-operations": 2,
    }
    assert details["exercises"] == {"take-overs": {"count": 1, "at_least": 1, "enough": True}}
    assert details["faults"] == {"kill": {"start": 2, "heal": 1, "failure": 1, "seconds": pytest.approx(0.015)}}
    assert details["by_stream"]["s"]["take_overs"] == 1


def test_latency_counts_from_the_intended_start() -> None:
    history = built(header("s"), append(0, 90 * MS, intended=20 * MS), acked(0, 100 * MS, 0))
    assert Statistics().check(history).details["latency_ms"]["append"]["succeeded"]["p50"] == 80


def test_quantiles_are_those_of_the_sorted_latencies() -> None:
    history = plain(5000, seed=3, outcome=Outcome.OK)
    told = Statistics().check(history).details["latency_ms"]
    for kind in Kind:
        rows = history.kind == kind
        ordered = sorted((history.ended[rows] - history.intended[rows]).tolist())
        for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)):
            expected = ordered[-(-int(share * 10_000) * len(ordered) // 10_000) - 1] / 1e6
            assert told[kind.label]["succeeded"][name] == pytest.approx(expected), (kind, name)


def test_unknown_where_there_is_nothing() -> None:
    result = Statistics().check(plain(0))
    assert result.validity is Validity.UNKNOWN
    assert "nothing was observed" in result.reasons[0]


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.INDEFINITE])
def test_unknown_where_nothing_succeeded(outcome: Outcome) -> None:
    result = Statistics().check(plain(50, outcome=outcome))
    assert result.validity is Validity.UNKNOWN
    assert result.reasons == ("nothing succeeded: of 50 operations of clients, none was answered as it asked",)


def test_the_closing_of_a_run_is_no_success_of_its_clients() -> None:
    history = built(
        header("s", exercises={"take-overs": 1}),
        append(0, 0),
        events.Failed(0, 1, "not_sent"),
        append(1, 2, fence="closing", purpose="closing-fence"),
        acked(1, 3, 0),
    )
    result = Statistics().check(history)
    assert result.validity is Validity.UNKNOWN
    assert result.details["closing"] == 1
    assert result.details["counters"]["take-overs"] == 0
    assert len(result.warnings) == 1


def test_a_shortfall_says_what_and_what_to_do() -> None:
    history = built(header("s", exercises={"zombie-appends": 10}), append(0, 0), acked(0, 1, 0))
    (warning,) = Statistics().check(history).warnings
    assert "zombie-appends is 0 and should be at least 10" in warning
    assert "--time-limit" in warning


def test_an_unknown_counter_is_a_warning_that_names_the_known() -> None:
    history = built(header("s", exercises={"zombie-apends": 10}), append(0, 0), acked(0, 1, 0))
    result = Statistics().check(history)
    (warning,) = result.warnings
    assert "'zombie-apends'" in warning
    assert all(row.name in warning for row in COUNTERS)
    assert result.validity is Validity.VALID
    assert result.details["exercises"]["zombie-apends"] == {"count": None, "at_least": 10, "enough": False}


def test_every_counter_is_documented_and_named_once() -> None:
    assert len({row.name for row in COUNTERS}) == len(COUNTERS)
    for row in COUNTERS:
        assert row.meaning.endswith(".")
        assert row.advice


def zombie(token: str, *between: events.Event, time: int = 50) -> int:
    """How many zombies there are where a took over at 0, b at 1, and then an append with this token follows."""
    last = append(9, time, token=token), events.Indefinite(9, time + 10, "lost")
    return counters(built(header("s"), *_TAKE_OVERS, *between, *last))["zombie-appends"]


_TAKE_OVERS = (append(0, 0, fence="a"), acked(0, 10, 0), append(1, 20, fence="b"), acked(1, 30, 1))


@pytest.mark.parametrize(
    ("token", "expected"),
    [("a", 1), ("", 1), ("b", 0), ("never set", 0)],
    ids=["replaced", "the first token", "in force", "never in force"],
)
def test_a_zombie_gave_a_token_that_was_replaced(token: str, expected: int) -> None:
    assert zombie(token) == expected


def test_no_zombie_before_the_fence_returned() -> None:
    assert zombie("a", time=30) == 0
    assert zombie("a", time=31) == 1


def test_no_zombie_where_the_token_may_have_been_set_again() -> None:
    again = append(5, 55, fence="a")
    assert zombie("a", again) == 0
    assert zombie("a", again, events.Failed(5, 58, "not_sent")) == 1
    assert zombie("a", again, acked(5, 58, 2)) == 0
    assert zombie("a", append(5, 61, fence="a")) == 1, "invoked after the append had ended"


def test_the_last_fence_of_a_batch_counts() -> None:
    batch = events.AppendInvoked(
        op=5, time=35, process=5, stream="s", digests=[5, 6], sizes=[10, 10], fences={0: "a", 1: "c"}
    )
    ack = events.Acked(5, 40, (2, 0), (4, 0), (4, 0))
    assert zombie("b", batch, ack) == 1
    assert zombie("c", batch, ack) == 0
    assert zombie("a", batch, ack) == 1


def slow_zombies(history: History) -> set[int]:
    """The definition, word for word, over all pairs."""
    operations = [history.operation(row) for row in range(len(history))]
    fences = [f for f in operations if f.last_fence is not None and f.outcome is not Outcome.FAILED]
    found = set()
    for one in operations:
        if one.kind is not Kind.APPEND or one.fencing_token is None:
            continue
        ours = [fence for fence in fences if fence.stream == one.stream]
        known = [f for f in ours if f.ack and history.returned[f.row] < one.invoked]
        if not known:
            continue
        newest = max(known, key=lambda fence: fence.ack or ())
        assert newest.ack is not None
        at = newest.ack[0]
        below = {f.last_fence for f in ours if f.ack and f.ack[0] < at} | {""}
        ended = FOREVER if one.ended is None else one.ended
        again = [
            f for f in ours if f.last_fence == one.fencing_token and (not f.ack or f.ack[0] > at) and f.invoked <= ended
        ]
        if newest.last_fence != one.fencing_token and one.fencing_token in below and not again:
            found.add(one.row)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_zombies_agree_with_their_definition(seed: int) -> None:
    history = fenced(700, seed=seed, streams=1 + seed % 2).history
    expected = slow_zombies(history)
    assert set(np.flatnonzero(zombies(Activity(history))).tolist()) == expected, f"seed {seed}"
    assert expected, f"seed {seed}: nothing was tested"


@pytest.mark.parametrize("seed", range(5))
def test_zombies_agree_with_their_definition_where_tokens_come_back(seed: int) -> None:
    random = Random(seed)
    happened: list[events.Event] = []
    position = 0
    for op in range(250):
        time = op * 10
        token = random.choice([None, "", "a", "b", "c"])
        fence = random.choice([None, None, "", "a", "b", "c"])
        happened.append(append(op, time, token=token, fence=fence))
        end = time + random.randrange(60)
        chance = random.random()
        if chance < 0.6:
            happened.append(acked(op, end, position))
            position += 1
        elif chance < 0.9:
            happened.append(events.Failed(op, end, "fencing_token_mismatch", 412, {"fencing_token_mismatch": "x"}))
        elif chance < 0.96:
            happened.append(events.Indefinite(op, end, "lost"))
    history = built(header("s"), *happened)
    assert set(np.flatnonzero(zombies(Activity(history))).tolist()) == slow_zombies(history), f"seed {seed}"


@pytest.mark.parametrize("seed", range(4))
def test_contention_agrees_with_all_pairs(seed: int) -> None:
    history = fenced(400, seed=seed, streams=2).history
    rows = [row for row in range(len(history)) if history.kind[row] == Kind.APPEND]
    slow = {
        one
        for one in rows
        for other in rows
        if one != other
        and history.stream[one] == history.stream[other]
        and history.invoked[one] <= history.ended[other]
        and history.invoked[other] <= history.ended[one]
    }
    assert set(np.flatnonzero(overlapping(Activity(history))).tolist()) == slow, f"seed {seed}"
    mean, most = concurrency(history.invoked, history.ended)
    at = [int(((history.invoked <= time) & (history.ended >= time)).sum()) for time in history.invoked]
    assert most == max(at), f"seed {seed}"
    moments = sorted({*history.invoked.tolist(), *history.ended.tolist()})
    area = sum(
        (after - before) * int(((history.invoked <= before) & (history.ended >= after)).sum())
        for before, after in pairwise(moments)
    )
    assert mean == pytest.approx(area / (moments[-1] - moments[0])), f"seed {seed}"


def test_an_operation_that_never_returned_lasts_as_long_as_the_others() -> None:
    mean, most = concurrency(np.array([0, 5]), np.array([10, FOREVER]))
    assert (mean, most) == (1.5, 2)


def test_reasons_of_free_text_are_bounded() -> None:
    happened: list[events.Event] = [append(op, op) for op in range(60)]
    happened += [events.Indefinite(op, 100 + op, f"lost by {op}") for op in range(60)]
    reasons = Statistics().check(built(header("s"), *happened)).details["by_kind"]["append"]["reasons"]
    assert len(reasons) == 21
    assert sum(reasons.values()) == 60
