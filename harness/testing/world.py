"""Conformance suites for clocks and randomness, real or simulated.

Each suite is a tuple of checks. A check raises AssertionError if it fails. With pytest:

    @pytest.mark.parametrize("check", CLOCK_CHECKS, ids=lambda check: check.__name__)
    def test_my_clock(check):
        clock = MyClock()
        check(clock, clock.advance)

The suites for networks and spawners are in :mod:`~.network` and :mod:`~.processes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from fencepost.harness.world.clock import NS_PER_MS, AdjustableClock, Clock
from fencepost.harness.world.randomness import Randomness

PassTime = Callable[[float], None]
"""A function that lets at least the given number of seconds pass."""


class ClockCheck(Protocol):
    """A check of a clock."""

    __name__: str

    def __call__(self, clock: Clock, pass_time: PassTime) -> None:
        """Raise AssertionError if the clock fails the check."""


def _both_readings_advance(clock: Clock, pass_time: PassTime) -> None:
    wall, monotonic = clock.wall_ms(), clock.monotonic_ns()
    pass_time(0.02)
    assert clock.monotonic_ns() - monotonic >= 20 * NS_PER_MS
    assert clock.wall_ms() - wall >= 19  # a millisecond may be lost to rounding


def _monotonic_never_decreases(clock: Clock, pass_time: PassTime) -> None:
    readings = [clock.monotonic_ns() for _ in range(1000)]
    assert readings == sorted(readings)
    assert all(isinstance(reading, int) for reading in readings)


def _wall_is_milliseconds_since_1970(clock: Clock, pass_time: PassTime) -> None:
    assert 1_577_836_800_000 < clock.wall_ms() < 4_102_444_800_000, "between the years 2020 and 2100"


def _an_offset_moves_the_wall_only(clock: Clock, pass_time: PassTime) -> None:
    wrong = AdjustableClock(clock)
    for offset in (3_600_000, -3_600_000):
        before = wrong.monotonic_ns()
        wrong.adjust(offset_ms=offset)
        assert abs(wrong.wall_ms() - clock.wall_ms() - offset) < 1000
        assert 0 <= wrong.monotonic_ns() - before < 1000 * NS_PER_MS
    wrong.adjust()
    assert abs(wrong.wall_ms() - clock.wall_ms()) < 1000


def _a_rate_makes_both_drift(clock: Clock, pass_time: PassTime) -> None:
    wrong = AdjustableClock(clock)
    wrong.adjust(rate=100.0)
    wall, monotonic = wrong.wall_ms(), wrong.monotonic_ns()
    pass_time(0.02)
    assert wrong.wall_ms() - wall >= 1990
    assert wrong.monotonic_ns() - monotonic >= 2000 * NS_PER_MS
    late = wrong.monotonic_ns()
    wrong.adjust()
    assert wrong.monotonic_ns() >= late, "healing must not set the clock back"
    assert abs(wrong.wall_ms() - clock.wall_ms()) < 1000


CLOCK_CHECKS: Final[tuple[ClockCheck, ...]] = (
    _both_readings_advance,
    _monotonic_never_decreases,
    _wall_is_milliseconds_since_1970,
    _an_offset_moves_the_wall_only,
    _a_rate_makes_both_drift,
)


class RandomnessCheck(Protocol):
    """A check of an implementation of randomness."""

    __name__: str

    def __call__(self, make: Callable[[int], Randomness]) -> None:
        """Raise AssertionError if the check fails. ``make`` returns the randomness of a seed."""


def _a_stream_is_its_seed_and_names(make: Callable[[int], Randomness]) -> None:
    one, again = make(7), make(7)
    again.stream("other").random()
    again.fresh(3)
    assert [one.stream("a", 1).random() for _ in range(2)] == [again.stream("a", 1).random()] * 2
    # A fixed value: a stream must be the same in every process and version.
    assert one.stream("thread", 3).getrandbits(64) == 0xC89BCA05C040E04B, "the streams of a seed have changed"


def _other_names_are_another_stream(make: Callable[[int], Randomness]) -> None:
    random = make(7)
    names: list[tuple[str | int, ...]] = [(), ("a",), ("a", "b"), ("ab",), ("a,b",), ("1",), (1,), ("a", 1), ("fresh",)]
    drawn = {random.stream(*name).getrandbits(64) for name in names}
    assert len(drawn) == len(names)
    assert make(8).stream("a").getrandbits(64) not in drawn


def _streams_do_not_disturb_each_other(make: Callable[[int], Randomness]) -> None:
    alone = make(7).stream("a")
    random = make(7)
    beside, other = random.stream("a"), random.stream("b")
    for _ in range(10):
        other.random()
        assert alone.random() == beside.random()


def _fresh_bytes_have_that_length_and_differ(make: Callable[[int], Randomness]) -> None:
    random = make(7)
    assert [len(random.fresh(count)) for count in (0, 1, 16)] == [0, 1, 16]
    assert random.fresh(16) != random.fresh(16)


RANDOMNESS_CHECKS: Final[tuple[RandomnessCheck, ...]] = (
    _a_stream_is_its_seed_and_names,
    _other_names_are_another_stream,
    _streams_do_not_disturb_each_other,
    _fresh_bytes_have_that_length_and_differ,
)
