"""Conformance suite for workloads.

The suite is a tuple of checks. A check raises AssertionError if it fails, and the message names the seed. With pytest::

    @pytest.mark.parametrize("check", WORKLOAD_CHECKS, ids=lambda check: check.__name__)
    def test_my_workload(check):
        check(MyWorkload())

The workload runs in virtual time against :class:`~fencepost.testing.naive_service.NaiveService`. The simulator checks
the laws of generators at every step; see :mod:`~fencepost.testing.simulator`.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final, Protocol

from fencepost.harness.client.outcome import Ok
from fencepost.harness.generators import on_update
from fencepost.harness.history.digest import digest
from fencepost.harness.s2 import Append
from fencepost.harness.workload import (
    Completion,
    Context,
    Generator,
    Invocation,
    Workload,
    WorkloadOptions,
    has_unique_records,
)

from .simulator import SECOND, Conditions, Operation, simulate

OPERATIONS: Final = 600
CLIENTS: Final = 10


class WorkloadCheck(Protocol):
    """A check of a workload."""

    __name__: str

    def __call__(self, workload: Workload) -> None:
        """Raise AssertionError if the workload fails the check."""


def _run(
    workload: Workload, *, streams: int = 1, clients: int = CLIENTS, hold: bool = False, seed: str = "0"
) -> list[Operation]:
    """Return the operations of a run in the order of their invocation. One in fifty is indefinite."""
    names = tuple(f"stream-{number}" for number in range(streams))
    generator = workload.generator(WorkloadOptions(names, clients, 0, operations=OPERATIONS))
    operations = simulate(generator, Conditions(clients, indefinite=0.02, hold=hold), f"{workload.name} {seed}")
    return sorted(operations, key=lambda operation: operation.number)


def _it_introduces_itself(workload: Workload) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", workload.name), "the name must be in lower case, with hyphens"
    assert workload.summary.strip(), "the workload must have a summary"
    for exercise in workload.exercises:
        assert exercise.counter, "an exercise must name a counter"
        assert exercise.at_least > 0, f"{exercise}: at_least must be positive"


def _generators_keep_the_laws_with_any_number_of_clients_and_streams(workload: Workload) -> None:
    for clients, streams, hold in (
        (1, 1, False),
        (1, 4, True),
        (CLIENTS, 1, True),
        (CLIENTS, 3, False),
        (40, 2, False),
    ):
        operations = _run(workload, clients=clients, streams=streams, hold=hold)
        assert len(operations) == OPERATIONS, f"{clients} clients and {streams} streams: {len(operations)} operations"


def _the_seed_repeats_a_run(workload: Workload) -> None:
    first = _run(workload, streams=2)
    assert _run(workload, streams=2) == first, "two runs with the same seed differ"


def _the_rate_and_the_limits_are_kept(workload: Workload) -> None:
    options = WorkloadOptions(("a", "b"), CLIENTS, 0, time_limit=2.0, rate=400.0)
    conditions = Conditions(CLIENTS, longest=3 * SECOND)
    operations = simulate(workload.generator(options), conditions, workload.name)
    starts = [operation.invocation.time for operation in operations]
    assert all(start is not None and start < 2 * SECOND for start in starts), "an operation starts after the time limit"
    expected = 800
    assert abs(len(operations) - expected) < 5 * expected**0.5, f"{len(operations)} operations in 2 s at 400 per second"
    options = WorkloadOptions(("a",), CLIENTS, 0, time_limit=100.0, operations=123)
    operations = simulate(workload.generator(options), conditions, workload.name)
    assert len(operations) == 123, f"{len(operations)} operations of 123"


def _every_batch_has_a_record_that_occurs_once(workload: Workload) -> None:
    if not has_unique_records(workload):
        return
    for streams in (1, 3):
        calls = [operation.invocation.call for operation in _run(workload, streams=streams)]
        batches = [call.records for call in calls if isinstance(call, Append)]
        times = Counter(digest(record) for batch in batches for record in batch)
        for batch in batches:
            assert any(times[digest(record)] == 1 for record in batch), f"no record of the batch is unique: {batch}"


def _what_a_generator_remembers_does_not_grow(workload: Workload) -> None:
    sizes: list[int] = []

    def weigh(generator: Generator, context: Context, event: Invocation | Completion) -> Generator:
        if isinstance(event, Completion):
            sizes.append(len(repr(generator)))
        return generator.update(context, event)

    options = WorkloadOptions(("s",), CLIENTS, 0, operations=3 * OPERATIONS)
    simulate(on_update(weigh, workload.generator(options)), Conditions(CLIENTS, indefinite=0.02), workload.name)
    early, late = max(sizes[OPERATIONS // 2 : OPERATIONS]), max(sizes[2 * OPERATIONS :])
    assert late < 1.2 * early + 200, f"the generator's repr grew from {early} to {late} characters"


def _one_operation_in_ten_succeeds_at_least(workload: Workload) -> None:
    succeeded = sum(isinstance(operation.outcome, Ok) for operation in _run(workload))
    assert succeeded > OPERATIONS / 10, f"{succeeded} of {OPERATIONS} operations succeeded"


WORKLOAD_CHECKS: Final[tuple[WorkloadCheck, ...]] = (
    _it_introduces_itself,
    _generators_keep_the_laws_with_any_number_of_clients_and_streams,
    _the_seed_repeats_a_run,
    _the_rate_and_the_limits_are_kept,
    _every_batch_has_a_record_that_occurs_once,
    _what_a_generator_remembers_does_not_grow,
    _one_operation_in_ten_succeeds_at_least,
)
"""Every check, ordered so that the first failure is the most telling."""
