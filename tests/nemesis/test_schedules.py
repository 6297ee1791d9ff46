"""Schedules: what delays and triggers strikes, and what a seed fixes of them."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from fencepost import CheckTail, Completion, Context, Generator, Invocation, Ok, Pending
from fencepost.harness.generators import (
    after,
    cycle,
    heal_fault,
    nemesis,
    now_and_then,
    once,
    phases,
    start_fault,
    when,
)
from fencepost.harness.nemesis.fault import Fault
from fencepost.harness.workload import NEMESIS
from fencepost.testing.faults import ScriptedFault
from tests.run.conftest import Run

SECOND = 10**9
START, HEAL = start_fault("f"), heal_fault("f")
LOOK = Invocation("s", CheckTail(), 0)
LOOKED = Completion(0, 0, 0, LOOK, Ok(None))


def moment(seconds: float, seed: int = 1, free: bool = True) -> Context:
    return Context(round(seconds * SECOND), (NEMESIS,), (NEMESIS,) if free else (), (NEMESIS,), Random(seed))


def asked(generator: Generator, context: Context) -> tuple[Invocation | None, Generator]:
    """What it gives, None for nothing for now, and its successor."""
    step = generator.next(context)
    assert step is not None
    return (None if isinstance(step[0], Pending) else step[0]), step[1]


@pytest.mark.parametrize(
    ("span", "low", "high"),
    [(2.0, 2.0, 2.0), ((1.0, 3.0), 1.0, 3.0), (lambda random: random.uniform(5.0, 6.0), 5.0, 6.0)],
    ids=["given", "drawn", "function"],
)
def test_nothing_starts_before_the_span_has_passed(span: Any, low: float, high: float) -> None:
    waiting = after(span, once(START))
    nothing, still = asked(waiting, moment(9.0, free=False))
    assert (nothing, still) == (None, waiting), "it begins when a thread is free"
    nothing, drawn = asked(waiting, moment(10.0))
    assert nothing is None
    dues = {getattr(asked(drawn, moment(10.0 + late, seed))[0], "time", None) for seed, late in ((1, 0.1), (2, 0.5))}
    (due,) = dues
    assert due is not None, "drawn once, however often it is asked"
    assert low <= due / SECOND - 10.0 <= high
    late, _ = asked(drawn, moment(99.0))
    assert late == START, "it is late, and starts at once"


def test_what_happens_sets_it_off_again_and_again() -> None:
    waiting = cycle(when(lambda event: isinstance(event, Completion), phases(once(START), once(HEAL))))
    for _ in range(2):
        nothing, waiting = asked(waiting, moment(0.0))
        assert nothing is None
        assert waiting.update(moment(0.0), LOOK) is waiting
        waiting = waiting.update(moment(0.0), LOOKED)
        first, waiting = asked(waiting, moment(0.0))
        second, waiting = asked(waiting, moment(0.0))
        assert (first, second) == (START, HEAL)


def test_the_usual_schedule_is_calm_for_about_a_quarter_of_its_periods() -> None:
    waits = []
    for seed in range(2000):
        _, drawn = asked(now_and_then("f", calm=(1.0, 1.0), struck=0.1), moment(0.0, seed))
        answer, _ = asked(drawn, moment(0.0, seed))
        assert answer is not None
        waits.append((answer.time or 0) / SECOND)
    assert 0.22 < sum(wait > 1 for wait in waits) / len(waits) < 0.28, "three standard deviations"


def test_a_schedule_is_not_asked_while_its_next_strike_lies_far_ahead() -> None:
    """It is asked beside every operation of the clients, thousands of times per second."""
    asks = 0

    class Far:
        def next(self, context: Context) -> Any:
            nonlocal asks
            asks += 1
            return Invocation("", START.call, NEMESIS, time=10 * SECOND), self

        def update(self, context: Context, event: Invocation | Completion) -> Far:
            return self

    schedule = nemesis(Far())
    for step in range(10_000):
        answer, schedule = asked(schedule, moment(step / 1000))
        assert answer is None or step >= 9995
        schedule = schedule.update(moment(step / 1000), LOOKED)
    assert asks < 20
    assert asked(schedule, moment(10.0))[0] is not None


def test_a_seed_fixes_what_schedules_draw_whatever_the_clients_do(
    run: Run,
    registered: dict[str, Fault],
) -> None:
    drawn: list[float] = []

    def span(random: Random) -> float:
        drawn.append(random.random())
        return 0.002

    def draws(**options: Any) -> list[float]:
        drawn.clear()
        registered["f"] = ScriptedFault("f", cycle(phases(after(span, once(START)), after(span, once(HEAL)))))
        run(faults=("f",), operations=None, time_limit=0.5, **options)
        return list(dict.fromkeys(drawn))[:6]

    one, other = draws(seed=5, clients=1), draws(seed=5, clients=3)
    assert len(one) == 6
    assert one == other
    assert draws(seed=6) != one
