"""The three workloads: they keep the laws, serve their purpose, and would show the faults they are there for.

All of it in simulation; ``simulator`` checks the laws of generators at every question.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from fencepost.harness.client.outcome import Ok
from fencepost.harness.generators import on_update
from fencepost.harness.history.digest import digest
from fencepost.harness.s2 import Append
from fencepost.harness.workload import Completion, Context, Generator, Invocation, WorkloadOptions
from fencepost.workloads.answers import fences_in
from tests.workloads.service import Service
from tests.workloads.simulated import OPERATIONS, appends, counters, every_workload, options, transcript, workload
from tests.workloads.simulator import SECOND, Conditions, simulate


@every_workload
def test_it_is_registered_and_introduces_itself(name: str) -> None:
    found = workload(name)
    assert found.name == name
    assert found.summary
    assert found.exercises


@every_workload
@pytest.mark.parametrize("streams", [1, 3])
@pytest.mark.parametrize("seed", [0, 1])
def test_2000_operations_of_10_clients_are_plenty_for_its_purpose(name: str, streams: int, seed: int) -> None:
    counts = counters(transcript(name, streams, seed))
    for exercise in workload(name).exercises:
        assert counts[exercise.counter] >= 3 * exercise.at_least, f"seed {seed}: {exercise} of {counts}"


@every_workload
@pytest.mark.parametrize("hold", [True, False], ids=["hold", "ask-again"])
def test_the_same_seed_gives_the_same_operations(name: str, hold: bool) -> None:
    generator = workload(name).generator(options(streams=2, operations=400))
    conditions = Conditions(indefinite=0.05, hold=hold)
    first = simulate(generator, conditions, "one")
    assert simulate(generator, conditions, "one") == first
    assert simulate(generator, conditions, "other") != first


@every_workload
@pytest.mark.parametrize("hold", [True, False], ids=["hold", "ask-again"])
def test_the_rate_and_the_limits_of_the_run_are_kept(name: str, hold: bool) -> None:
    run = WorkloadOptions(("a", "b"), 10, 0, time_limit=2.0, rate=400.0)
    operations = simulate(workload(name).generator(run), Conditions(hold=hold))
    assert len(operations) == pytest.approx(800, abs=5 * 800**0.5)
    starts = [o.invocation.time for o in operations]
    assert None not in starts
    assert max(start or 0 for start in starts) < 2 * SECOND
    run = WorkloadOptions(("a",), 10, 0, time_limit=100.0, operations=123)
    assert len(simulate(workload(name).generator(run), Conditions(hold=hold))) == 123


@every_workload
@pytest.mark.parametrize("streams", [1, 3])
def test_no_batch_is_without_a_record_that_occurs_once_in_the_run(name: str, streams: int) -> None:
    batches = [call.records for _, call in appends(transcript(name, streams))]
    times = Counter(digest(record) for batch in batches for record in batch)
    for batch in batches:
        assert any(times[digest(record)] == 1 for record in batch), batch
        ordinary = [record for record in batch if not fences_in(Append((record,)))]
        assert all(times[digest(record)] == 1 for record in ordinary), "an ordinary record was sent twice"


@every_workload
def test_bodies_begin_with_the_thread_and_differ_in_it(name: str) -> None:
    for operation, call in appends(transcript(name, 3)):
        for record in call.records:
            if not fences_in(Append((record,))):
                assert record.body.startswith(b"t%d-" % operation.thread)
                assert record.body.split(b" ")[0].count(b".") == 1


@every_workload
def test_all_streams_are_used_by_many_threads(name: str) -> None:
    users = defaultdict(set)
    for operation in transcript(name, 3):
        users[operation.invocation.stream].add(operation.thread)
    assert len(users) == 3
    assert all(len(threads) >= 8 for threads in users.values())


@every_workload
def test_what_a_generator_remembers_does_not_grow(name: str) -> None:
    sizes: list[int] = []

    def weigh(generator: Generator, context: Context, event: Invocation | Completion) -> Generator:
        if isinstance(event, Completion):
            sizes.append(len(repr(generator)))
        return generator.update(context, event)

    simulate(on_update(weigh, workload(name).generator(options(operations=3000))), Conditions(indefinite=0.02))
    assert max(sizes[2000:]) < 1.2 * max(sizes[500:1000]) + 200


@every_workload
@pytest.mark.parametrize(("threads", "streams"), [(1, 1), (1, 4), (40, 2)])
def test_any_number_of_clients_and_streams_will_do(name: str, threads: int, streams: int) -> None:
    operations = transcript(name, streams, 0, threads)
    assert len(operations) == OPERATIONS
    assert sum(isinstance(o.outcome, Ok) for o in operations) > OPERATIONS / 5


# would the faults show?


@pytest.mark.parametrize(
    ("name", "bug"),
    [
        ("fenced", "stale-fence-cache"),
        ("fenced", "token-prefix-match"),
        ("fenced", "token-extension-match"),
        ("fenced", "empty-token-matches-any"),
        ("fenced", "check-then-append-race"),
        ("match-seq-num", "check-then-append-race"),
        ("match-seq-num", "match-accepts-one-less"),
        ("match-seq-num", "match-accepts-one-more"),
        ("regular", "stale-tail-cache"),
    ],
)
@pytest.mark.parametrize("streams", [1, 3])
def test_a_fault_of_the_service_is_met_often(name: str, bug: str, streams: int) -> None:
    for seed in range(2):
        service = Service(bug)
        simulate(workload(name).generator(options(streams)), Conditions(), f"{bug} {seed}", service)
        assert len(service.wrong) >= 8, f"seed {seed}"
