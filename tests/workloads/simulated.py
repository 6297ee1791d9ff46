"""Transcripts of the workloads in simulation, and what is in them."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache

import pytest

from fencepost.harness.client.outcome import Definite, Ok
from fencepost.harness.registry import Registry
from fencepost.harness.s2 import Append, Batch, Read, Trim, command_of
from fencepost.harness.workload import Workload, WorkloadOptions
from fencepost.testing.simulator import Conditions, Operation, simulate
from fencepost.workloads.answers import fences_in

WORKLOADS = ("regular", "match-seq-num", "fenced", "sessions", "followers", "trim", "mixed", "retry")
OPERATIONS = 2000

every_workload = pytest.mark.parametrize("name", WORKLOADS)


def workload(name: str) -> Workload:
    registry: Registry[Workload] = Registry("fencepost.workloads", "workload")
    return registry.make(name)


def options(streams: int = 1, threads: int = 10, operations: int | None = OPERATIONS) -> WorkloadOptions:
    return WorkloadOptions(tuple(f"stream-{i}" for i in range(streams)), threads, 0, operations=operations)


@cache
def transcript(name: str, streams: int = 1, seed: int = 0, threads: int = 10) -> list[Operation]:
    """A run in which one operation in fifty ends indefinitely, in the order of the invocations."""
    generator = workload(name).generator(options(streams, threads))
    conditions = Conditions(threads=threads, indefinite=0.02)
    return sorted(simulate(generator, conditions, f"{name} {seed}"), key=lambda o: o.number)


def appends(operations: list[Operation]) -> list[tuple[Operation, Append]]:
    return [(o, o.invocation.call) for o in operations if isinstance(o.invocation.call, Append)]


def refused(operation: Operation, why: str) -> bool:
    return isinstance(operation.outcome, Definite) and why in operation.outcome.body


def counters(operations: list[Operation]) -> Counter[str]:
    """What a run exercised, counted from the service's point of view and independently of the statistics."""
    counts: Counter[str] = Counter()
    replaced: dict[str, set[str]] = defaultdict(set)
    in_force: dict[str, str] = defaultdict(str)
    for operation, call in sorted(appends(operations), key=lambda pair: pair[0].applied or 0):
        stream = operation.invocation.stream
        counts["seq-num-mismatches"] += refused(operation, "seq_num_mismatch")
        counts["fencing-token-mismatches"] += refused(operation, "fencing_token_mismatch")
        counts["zombie-appends"] += call.fencing_token in replaced[stream] - {in_force[stream]}
        if fences_in(call) and operation.applied is not None and not isinstance(operation.outcome, Definite):
            counts["take-overs"] += isinstance(operation.outcome, Ok)
            replaced[stream] |= {in_force[stream], *fences_in(call)}
            in_force[stream] = fences_in(call)[-1]
    latest: dict[str, int] = defaultdict(int)
    for operation, _ in sorted(appends(operations), key=lambda pair: pair[0].invoked):
        stream = operation.invocation.stream
        counts["overlapping-appends"] += operation.invoked <= latest[stream]
        latest[stream] = max(latest[stream], operation.completed)
    latest_of: dict[tuple[int, int, int], int] = {}
    failed: set[tuple[int, int, int]] = set()
    for operation in operations:  # in the order of invocation
        invocation = operation.invocation
        if invocation.batches and invocation.session is not None:
            session = operation.thread, operation.process, invocation.session
            counts["batches-in-flight"] += operation.invoked < latest_of.get(session, 0)
            latest_of[session] = max(latest_of.get(session, 0), operation.completed)
            counts["batches-after-failure"] += session in failed
            failed |= {session} if isinstance(operation.outcome, Definite) else set()
    for operation in operations:
        call, outcome = operation.invocation.call, operation.outcome
        is_trim = isinstance(call, Append) and any(isinstance(command_of(record), Trim) for record in call.records)
        counts["trims"] += is_trim and isinstance(outcome, Ok)
        counts["repeated-appends"] += operation.invocation.purpose == "retry"
        counts["resumed-reads"] += operation.invocation.purpose == "resume"
        if isinstance(outcome, Ok) and isinstance(outcome.value, Batch):
            counts["answered-reads"] += 1
            counts["records-read"] += len(outcome.value.records)
    counts["strong-reads"] = sum(
        o.invocation.purpose == "strong-read" and isinstance(o.outcome, Ok) and isinstance(o.invocation.call, Read)
        for o in operations
    )
    return counts
