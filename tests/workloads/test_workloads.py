"""The workloads: they keep the laws, serve their purpose, and would show the faults they are there for.

All of it in simulation; ``simulator`` checks the laws of generators at every question.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from fencepost.harness.history.digest import digest
from fencepost.harness.s2 import command_of
from fencepost.testing.naive_service import NaiveService
from fencepost.testing.simulator import Conditions, simulate
from fencepost.testing.workloads import WORKLOAD_CHECKS, WorkloadCheck
from tests.workloads.simulated import appends, counters, every_workload, options, transcript, workload


@every_workload
@pytest.mark.parametrize("check", WORKLOAD_CHECKS, ids=lambda check: check.__name__.strip("_"))
def test_it_does_what_every_workload_must(name: str, check: WorkloadCheck) -> None:
    check(workload(name))


@every_workload
@pytest.mark.parametrize("streams", [1, 3])
def test_2000_operations_of_10_clients_are_plenty_for_its_purpose(name: str, streams: int) -> None:
    counts = counters(transcript(name, streams))
    for exercise in workload(name).exercises:
        assert counts[exercise.counter] >= 3 * exercise.at_least, f"{exercise} of {counts}"


@every_workload
@pytest.mark.parametrize("streams", [1, 3])
def test_no_ordinary_record_occurs_twice_in_a_run(name: str, streams: int) -> None:
    batches = [call.records for o, call in appends(transcript(name, streams)) if o.invocation.purpose != "retry"]
    times = Counter(digest(record) for batch in batches for record in batch)
    for batch in batches:
        ordinary = [record for record in batch if command_of(record) is None]
        assert all(times[digest(record)] == 1 for record in ordinary), "an ordinary record was sent twice"


@every_workload
def test_bodies_begin_with_the_thread_and_differ_in_it(name: str) -> None:
    for operation, call in appends(transcript(name, 3)):
        for record in call.records:
            if command_of(record) is None:
                assert record.body.startswith(b"t%d-" % operation.thread)
                assert record.body.split(b" ")[0].count(b".") == 1


@every_workload
def test_all_streams_are_used_by_many_threads(name: str) -> None:
    users = defaultdict(set)
    for operation in transcript(name, 3):
        users[operation.invocation.stream].add(operation.thread)
    assert len(users) == 3
    assert all(len(threads) >= 8 for threads in users.values())


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
    service = NaiveService(bug)
    simulate(workload(name).generator(options(streams)), Conditions(), f"{bug} {streams}", service)
    assert len(service.wrong) >= 8
