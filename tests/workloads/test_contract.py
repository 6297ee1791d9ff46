"""The suite for workloads of others: each check catches a workload that breaks what it checks."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from fencepost import PENDING, Append, CheckTail, Completion, Context, Exercise, Generator, Invocation, Record
from fencepost.harness.generators import bounded, each_thread, limit, unfold
from fencepost.harness.workload import Step, WorkloadOptions
from fencepost.testing.workloads import WORKLOAD_CHECKS

CHECKS = {check.__name__.strip("_"): check for check in WORKLOAD_CHECKS}


class Numbered:
    """A correct workload, of which tests change a part."""

    name = "numbered"
    summary = "appends numbered records"
    exercises = (Exercise("overlapping-appends", 1),)

    def __init__(self, make: Callable[[WorkloadOptions], Generator] | None = None, **changed: Any) -> None:
        self._make = make
        for name, value in changed.items():
            setattr(self, name, value)

    def generator(self, options: WorkloadOptions) -> Generator:
        return (self._make or good)(options)


def appends(stream: str, thread: int, body: bytes = b"t%d-%d") -> Generator:
    def append(number: int, context: Context) -> tuple[Invocation, int]:
        text = body % (thread, number) if b"%" in body else body
        return Invocation(stream, Append((Record(text),))), number + 1

    return unfold(append, 0)


def good(options: WorkloadOptions) -> Generator:
    return bounded(each_thread(lambda thread: appends(options.streams[0], thread)), options)


class Broken:
    """A generator that breaks a law, or all limits."""

    def __init__(self, step: Callable[[Context], Invocation]) -> None:
        self._step = step

    def next(self, context: Context) -> Step:
        return (self._step(context), self) if context.free else (PENDING, self)

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        return self


class Hoarder(Broken):
    """A generator that keeps all it hears."""

    def __init__(self, inner: Generator, heard: tuple[int, ...] = ()) -> None:
        self.inner = inner
        self.heard = heard

    def __repr__(self) -> str:
        return f"Hoarder{self.heard}"

    def next(self, context: Context) -> Step:
        step = self.inner.next(context)
        return None if step is None else (step[0], Hoarder(step[1], self.heard))

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        return Hoarder(self.inner.update(context, event), (*self.heard, context.time))


def impure(options: WorkloadOptions) -> Generator:
    numbers = count()
    return bounded(Broken(lambda context: Invocation("s", Append((Record(b"%d" % next(numbers)),)))), options)


def busy(options: WorkloadOptions) -> Generator:
    return bounded(Broken(lambda context: Invocation("s", CheckTail(), thread=0)), options)


def unsendable(options: WorkloadOptions) -> Generator:
    return bounded(Broken(lambda context: Invocation("s", Append(()))), options)


def hopeless(options: WorkloadOptions) -> Generator:
    def append(number: int, context: Context) -> tuple[Invocation, int]:
        return Invocation("s", Append((Record(b"%d" % number),), match_seq_num=10**9)), number + 1

    return bounded(unfold(append, 0), options)


LAWS = "generators_keep_the_laws_with_any_number_of_clients_and_streams"


@pytest.mark.parametrize("check", CHECKS)
def test_a_correct_workload_passes(check: str) -> None:
    CHECKS[check](Numbered())


@pytest.mark.parametrize(
    ("check", "workload", "what"),
    [
        ("it_introduces_itself", Numbered(name="Not A Name"), "lower case"),
        ("it_introduces_itself", Numbered(summary=" "), "a summary"),
        (LAWS, Numbered(impure), "and then"),
        (LAWS, Numbered(busy), "names a busy thread"),
        (LAWS, Numbered(unsendable), "1 to 1000 records"),
        (LAWS, Numbered(lambda options: limit(5, good(options))), "5 operations"),
        ("the_rate_and_the_limits_are_kept", Numbered(lambda o: each_thread(lambda t: appends("a", t))), "did not end"),
        (
            "every_batch_has_a_record_that_occurs_once",
            Numbered(lambda o: bounded(each_thread(lambda t: appends("a", t, b"the same")), o)),
            "no record of the batch is unique",
        ),
        ("what_a_generator_remembers_does_not_grow", Numbered(lambda o: Hoarder(good(o))), "repr grew"),
        ("one_operation_in_ten_succeeds_at_least", Numbered(hopeless), "0 of 600 operations succeeded"),
    ],
)
def test_a_broken_workload_is_found_out(check: str, workload: Numbered, what: str) -> None:
    with pytest.raises(AssertionError, match=what):
        CHECKS[check](workload)


def test_a_workload_that_draws_from_elsewhere_does_not_repeat() -> None:
    numbers = count()

    def other_each_time(options: WorkloadOptions) -> Generator:
        run = next(numbers)
        return bounded(each_thread(lambda thread: appends(f"of run {run}", thread)), options)

    with pytest.raises(AssertionError, match="two runs with the same seed differ"):
        CHECKS["the_seed_repeats_a_run"](Numbered(other_each_time))
