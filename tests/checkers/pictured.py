"""Histories to count and to draw: a simulated fenced workload, and a plain one of any size made of columns."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np

from fencepost.harness.history import events
from fencepost.harness.history.builder import Builder
from fencepost.harness.history.history import FOREVER, NONE, Appends, History, Kind, Outcome, Reads
from fencepost.harness.verdict import CheckResult, Edge, Validity, Verdict, Violation, compose

MS = 1_000_000

ODD_TOKENS = ("", "$a_1$", "日本の柵", "tab\tnewline\n", "x" * 36, "\\frac{1}{2}", "ok-é")


def header(*streams: str, exercises: dict[str, int] | None = None) -> events.Header:
    """A header of these streams, all empty at first."""
    return events.Header(
        schema=events.SCHEMA,
        version="test",
        workload="fenced",
        seed=7,
        started="2026-01-01T00:00:00+00:00",
        streams=[events.StreamState(name) for name in streams],
        exercises=exercises or {},
    )


def built(head: events.Header, *happened: events.Event) -> History:
    """The history of these events, put in order of time."""
    builder = Builder(head)
    for event in sorted(happened, key=lambda event: event.time):
        builder.add(event)
    return builder.build()


@dataclass
class _Stream:
    tail: int = 0
    token: str = ""
    records: list[tuple[int, int, str | None]] = field(default_factory=list)


@dataclass
class Simulated:
    """A history and the operations of its planted violation: the fence that was ignored, and the stale append."""

    history: History
    fence: int | None = None
    stale: int | None = None

    @property
    def verdict(self) -> Verdict:
        """Invalid by the planted violation, or valid."""
        if self.fence is None or self.stale is None:
            return compose({"linearizability": CheckResult(Validity.VALID)})
        return compose({"linearizability": CheckResult(Validity.INVALID, (self.violation,))})

    @property
    def violation(self) -> Violation:
        """The stale append, told as a checker would."""
        assert self.fence is not None
        assert self.stale is not None
        fence = self.history.operation(self.history.row_of(self.fence))
        stale = self.history.operation(self.history.row_of(self.stale))
        assert fence.ack is not None
        assert stale.ack is not None
        order = f"append #{self.fence} ended at {fence.ack[1]} and append #{self.stale} began at {stale.ack[0]}"
        seen = f"append #{self.stale} gave token {stale.fencing_token!r}, which append #{self.fence} had replaced"
        return Violation(
            anomaly="stale-token-write",
            stream=stale.stream,
            promise="fencing_token given and ≠ current token → 412",
            operations=(self.fence, self.stale),
            edges=(
                Edge(self.fence, self.stale, "ww", order),
                Edge(self.stale, self.fence, "tr", seen),
            ),
            sentences=(
                f"append #{self.fence} < append #{self.stale}, because {order};",
                f"however append #{self.stale} < append #{self.fence}, because {seen}: a contradiction.",
            ),
            position=stale.ack[0],
        )


class _Simulation:
    """Clients of a fenced workload in virtual time. Every operation takes effect at one moment of its interval."""

    def __init__(self, operations: int, seed: int, clients: int, streams: int, faults: bool, stale: bool) -> None:
        self.random = Random(seed)
        self.left = operations
        self.operations = operations
        self.names = [f"stream-{index}" for index in range(streams)]
        self.streams = {name: _Stream() for name in self.names}
        self.events: list[events.Event] = []
        self.queue: list[tuple[int, int, Any]] = []
        self.sequence = 0
        self.op = 0
        self.process = list(range(clients))
        self.next_process = clients
        self.held: list[dict[str, str]] = [{} for _ in range(clients)]
        self.gap = 4 * MS
        length = operations * self.gap // clients
        self.down = (
            [(length * k // 5, length * k // 5 + max(length // 40, 8 * MS)) for k in (1, 2, 4)] if faults else []
        )
        self.stale_at = operations // 2 if stale else None
        self.simulated: tuple[int, int] | None = None
        self.last_fence: dict[str, int] = {}

    def run(self) -> Simulated:
        for thread in range(len(self.process)):
            self.later(self.random.randrange(self.gap), self.invoke, thread)
        while self.queue:
            time, _, (act, arguments) = heapq.heappop(self.queue)
            act(time, *arguments)
        for start, end in self.down:
            self.events += [events.Fault(start, "kill", "start"), events.Fault(end, "kill", "heal")]
        history = built(header(*self.names), *self.events)
        return Simulated(history, *(self.simulated or (None, None)))

    def later(self, time: int, act: Any, *arguments: Any) -> None:
        self.sequence += 1
        heapq.heappush(self.queue, (time, self.sequence, (act, arguments)))

    def is_down(self, time: int) -> bool:
        return any(start <= time < end for start, end in self.down)

    def invoke(self, time: int, thread: int) -> None:
        if not self.left:
            return
        self.left -= 1
        op, self.op = self.op, self.op + 1
        stream = self.random.choice(self.names)
        call = self.call(op, time, thread, stream)
        self.events.append(call)
        effect = time + int(self.random.lognormvariate(0, 0.5) * MS)
        self.later(effect, self.take_effect, thread, call)

    def call(self, op: int, time: int, thread: int, stream: str) -> events.Invoked:
        common: dict[str, Any] = {
            "op": op,
            "time": time,
            "process": self.process[thread],
            "stream": stream,
            "thread": thread,
        }
        held, chance = self.held[thread].get(stream), self.random.random()
        tail = self.streams[stream].tail
        if chance < (0.1 if held is not None else 0.4):
            return events.CheckTailInvoked(**common)
        if chance < (0.2 if held is not None else 0.85):
            return events.ReadInvoked(**common, seq_num=max(0, tail - 5), count=5)
        if held is None:
            if chance < 0.95:
                return self.append(common, 1, self.random.choice(["", "never set"]), None, None, "similar-token")
            odd = self.random.random() < 0.3
            token = self.random.choice(ODD_TOKENS) if odd else f"{thread}-{op}"
            return self.append(common, 2, None, tail, token, "take-over")
        zombie = self.streams[stream].token != held
        if zombie and chance > 0.9:
            del self.held[thread][stream]
        match = tail - self.random.randrange(2) if chance < 0.5 else None
        return self.append(common, self.random.randint(1, 5), held, match, None, "zombie" if zombie else "owner")

    def append(
        self, common: dict[str, Any], size: int, token: str | None, match: int | None, fence: str | None, purpose: str
    ) -> events.AppendInvoked:
        return events.AppendInvoked(
            **common,
            digests=[common["op"] * 10 + index for index in range(size)],
            sizes=[20] * size,
            match_seq_num=match,
            fencing_token=token,
            fences=None if fence is None else {0: fence},
            purpose=purpose,
        )

    def take_effect(self, time: int, thread: int, call: events.Invoked) -> None:
        back = time + int(self.random.lognormvariate(0, 0.7) * MS)
        if self.is_down(time):
            lost = self.random.random() < 0.7
            if lost and self.random.random() < 0.5:
                self.answer(call, back, thread)
            back += 10 * MS
            ended = events.Indefinite(call.op, back, "ReadError") if lost else events.Failed(call.op, back, "not_sent")
            if lost:
                self.process[thread], self.next_process = self.next_process, self.next_process + 1
        else:
            ended = self.answer(call, back, thread)
        self.events.append(ended)
        self.later(back + int(self.random.expovariate(1) * MS), self.invoke, thread)

    def answer(self, call: events.Invoked, time: int, thread: int) -> events.Completed:
        stream = self.streams[call.stream]
        if isinstance(call, events.AppendInvoked):
            return self.answer_append(call, stream, time, thread)
        if isinstance(call, events.CheckTailInvoked):
            return events.TailRead(call.op, time, (stream.tail, 0))
        assert call.seq_num is not None
        if call.seq_num >= stream.tail:
            body = {"tail": {"seq_num": stream.tail, "timestamp": 0}}
            return events.Failed(call.op, time, "range_not_satisfiable", 416, body)
        found = stream.records[call.seq_num : call.seq_num + 5]
        return events.BatchRead(
            op=call.op,
            time=time,
            seq_nums=[seq_num for seq_num, _, _ in found],
            timestamps=[0] * len(found),
            digests=[digest for _, digest, _ in found],
            sizes=[20] * len(found),
            fences={index: fence for index, (_, _, fence) in enumerate(found) if fence is not None} or None,
        )

    def answer_append(
        self, call: events.AppendInvoked, stream: _Stream, time: int, thread: int
    ) -> events.Acked | events.Failed:
        stale = call.fencing_token is not None and call.fencing_token != stream.token
        due = self.stale_at is not None and call.op >= self.stale_at and self.simulated is None
        if stale and due and call.purpose == "zombie" and call.match_seq_num is None:
            self.simulated = (self.last_fence[call.stream], call.op)
        elif stale:
            body: dict[str, Any] = {"fencing_token_mismatch": stream.token}
            return events.Failed(call.op, time, "fencing_token_mismatch", 412, body)
        if call.match_seq_num not in (None, stream.tail):
            return events.Failed(call.op, time, "seq_num_mismatch", 412, {"seq_num_mismatch": stream.tail})
        start = stream.tail
        for index, digest in enumerate(call.digests):
            stream.records.append((start + index, digest, (call.fences or {}).get(index)))
        stream.tail += len(call.digests)
        for token in (call.fences or {}).values():
            stream.token = self.held[thread][call.stream] = token
            self.last_fence[call.stream] = call.op
        return events.Acked(call.op, time, (start, 0), (stream.tail, 0), (stream.tail, 0))


def fenced(
    operations: int, seed: int = 1, clients: int = 10, streams: int = 1, faults: bool = True, stale: bool = True
) -> Simulated:
    """Clients that depose each other under faults; from the middle on, one stale append is accepted."""
    return _Simulation(operations, seed, clients, streams, faults, stale).run()


def plain(operations: int, seed: int = 1, clients: int = 10, outcome: Outcome | None = None) -> History:
    """Any number of operations, quickly: appends, reads and check-tails without conditions on one stream.

    Outcomes are mixed unless one is given.
    """
    random = np.random.default_rng(seed)
    n = operations
    kind = random.choice(np.array([Kind.APPEND, Kind.READ, Kind.CHECK_TAIL], dtype=np.uint8), n, p=(0.6, 0.3, 0.1))
    outcomes = random.choice(np.array([0, 1, 2], dtype=np.uint8), n, p=(0.8, 0.15, 0.05))
    if outcome is not None:
        outcomes[:] = outcome
    invoked = np.cumsum(random.exponential(0.2 * MS, n)).astype(np.int64)
    ended = invoked + random.lognormal(0.5, 0.6, n).astype(np.int64) + MS
    none = np.full(n, NONE, dtype=np.int64)
    few = none.astype(np.int32)
    append, ok, failed = kind == Kind.APPEND, outcomes == Outcome.OK, outcomes == Outcome.FAILED
    length = np.where(append, random.integers(1, 6, n), 0)
    end = np.cumsum(np.where(append & ok, length, 0))
    start = end - length
    offset = np.concatenate(([0], np.cumsum(length)))
    acked = append & ok
    refused = append & failed
    thread = (np.arange(n) % clients).astype(np.int32)
    return History(
        header=header("s"),
        id=np.arange(n),
        process=thread,
        thread=thread,
        stream=np.zeros(n, dtype=np.int32),
        kind=kind,
        outcome=outcomes,
        invoked=invoked,
        intended=invoked,
        ended=ended,
        returned=np.where(outcomes == Outcome.INDEFINITE, FOREVER, ended),
        status=np.where(failed, 412, NONE).astype(np.int32),
        code=np.where(failed, 0, np.where(ok, NONE, 1)).astype(np.int32),
        purpose=np.zeros(n, dtype=np.int32),
        session=np.full(n, NONE, dtype=np.int64),
        part_of=np.full(n, NONE, dtype=np.int64),
        observed_tail=np.where((kind == Kind.CHECK_TAIL) & ok, end, NONE),
        observed_tail_timestamp=none,
        seq_num_mismatch=np.where(refused, end, NONE),
        token_mismatch=few,
        appends=Appends(
            match_seq_num=none,
            token=few,
            offset=offset,
            digest=np.arange(offset[-1], dtype=np.uint64),
            size=np.full(offset[-1], 20, dtype=np.int32),
            last_fence=few,
            start=np.where(acked, start, NONE),
            end=np.where(acked, end, NONE),
            tail=np.where(acked, end, NONE),
            start_timestamp=none,
            end_timestamp=none,
            tail_timestamp=none,
            fences={},
            trims={},
            timestamps={},
        ),
        reads=Reads(
            from_seq_num=none,
            from_timestamp=none,
            tail_offset=none,
            clamp=np.zeros(n, dtype=np.bool_),
            count=none,
            bytes=none,
            until=none,
            wait=none,
            offset=np.zeros(n + 1, dtype=np.int64),
            seq_num=np.empty(0, dtype=np.int64),
            timestamp=np.empty(0, dtype=np.int64),
            digest=np.empty(0, dtype=np.uint64),
            size=np.empty(0, dtype=np.int32),
            tail=none,
            hashed=np.zeros(n, dtype=np.bool_),
            stream_hash=np.zeros(n, dtype=np.uint64),
            fences={},
            trims={},
            contents={},
        ),
        tokens=[""],
        codes=["seq_num_mismatch", "ReadError"],
        purposes=[""],
    )
