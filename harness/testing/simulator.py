"""Runs a generator in virtual time against a service in memory, and checks the laws of generators at every step.

The laws: in equal contexts a generator gives equal answers, it names only free threads, and its calls are valid
requests. Operations take random times, and act on the service at a random moment in between. A few are indefinite,
applied or not, and their thread goes on as a new process. The batches of an append session act and end in their order,
and after the first one that is refused none acts.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from msgspec import structs

from fencepost.harness.client.outcome import Definite, Indefinite, Ok, Outcome
from fencepost.harness.draws import Draws
from fencepost.harness.s2 import Answer, Append, Batch, MalformedCommand, Read, command_of, metered_size
from fencepost.harness.s2.errors import SESSION_POISONED
from fencepost.harness.workload import Completion, Context, Generator, Invocation, Pending, Step, Strike
from fencepost.testing.naive_service import NaiveService

MILLISECOND = 1_000_000
SECOND = 1_000_000_000


@dataclass(frozen=True)
class Operation:
    """One operation of a simulated run. ``number`` counts operations by invocation.

    Times are in ns. ``applied`` is the moment at which it acted on the service, or None if it never did.
    """

    number: int
    invocation: Invocation
    thread: int
    process: int
    invoked: int
    completed: int
    applied: int | None
    outcome: Outcome[Answer]


@dataclass(frozen=True)
class Conditions:
    """The surroundings of a simulated run.

    ``latency`` (ns) is the mean duration of an operation, and ``indefinite`` the share of indefinite ones. The run must
    end within ``longest`` (ns). With ``hold``, an operation that is not due yet is kept until it is due, whatever
    happens. Without, it is dropped at the next event and the generator is asked again, as in a real run.
    """

    threads: int = 10
    latency: int = 5 * MILLISECOND
    indefinite: float = 0.0
    hold: bool = True
    longest: int = 600 * SECOND


@dataclass
class _Session:
    """An append session of a thread. ``acted`` and ``ended`` are when its latest batch acts and ends (ns).

    ``lost`` says whether the batches from here on are applied, once an answer is lost; until then it is None.
    """

    number: int
    flying: int = 0
    acted: int = 0
    ended: int = 0
    failed: bool = False
    poisoned: bool = False
    lost: bool | None = None


@dataclass
class _Run:
    generator: Generator
    service: NaiveService
    conditions: Conditions
    seed: str
    now: int = 0
    questions: int = 0
    sequence: int = 0
    invoked: int = 0
    done: list[Operation] = field(default_factory=list)
    events: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.surroundings = Random(f"{self.seed} surroundings")
        self.shared = Draws(Random(f"{self.seed} shared"))
        self.draws = [Draws(Random(f"{self.seed} {thread}")) for thread in range(self.conditions.threads)]
        self.free = set(range(self.conditions.threads))
        self.process = list(range(self.conditions.threads))
        self.spent: set[int] = set()
        self.sessions: dict[int, _Session] = {}

    def context(self) -> Context:
        threads = tuple(range(self.conditions.threads))
        self.shared.rewind()
        free, process = tuple(sorted(self.free)), tuple(self.process)
        return Context(self.now, threads, free, process, self.shared, self.open(), self.own)

    def open(self) -> dict[int, int]:
        return {thread: one.number for thread, one in self.sessions.items() if one.flying and not one.failed}

    def own(self, thread: int) -> Random:
        self.draws[thread].rewind()
        return self.draws[thread]

    def at(self, time: int, action: Callable[[], None]) -> None:
        self.sequence += 1
        heapq.heappush(self.events, (time, self.sequence, action))

    def ask(self) -> Step:
        self.questions += 1
        step = self.generator.next(self.context())
        again = self.generator.next(self.context())
        answers = step and step[0], again and again[0]
        assert answers[0] == answers[1], (
            f"seed {self.seed}, question {self.questions}: {answers[0]} and then {answers[1]}"
        )
        return step

    def run(self) -> list[Operation]:
        idle = 0
        while self.now <= self.conditions.longest:
            step = self.ask() if self.free or self.open() else (Pending(), self.generator)
            if step is None:
                while self.events:
                    self.advance()
                return self.done
            answer, successor = step
            if isinstance(answer, Pending):
                self.generator = successor
                idle = 0 if self.events else idle + 1
                assert idle < 100_000, f"seed {self.seed}: the generator stays pending although nothing is in flight"
                if self.events:
                    self.advance()
                else:
                    self.now += MILLISECOND
            elif answer.time is not None and answer.time > self.now and self.events and not self.conditions.hold:
                if self.events[0][0] <= answer.time:
                    self.advance()
                else:
                    self.dispatch(answer, successor, answer.time)
            else:
                self.dispatch(answer, successor, max(self.now, answer.time or 0))
        raise AssertionError(f"seed {self.seed}: the generator did not end")

    def advance(self) -> None:
        self.now, _, action = heapq.heappop(self.events)
        action()

    def dispatch(self, invocation: Invocation, successor: Generator, start: int) -> None:
        taker = self.context().taker(invocation)
        assert taker is not None, f"seed {self.seed}: {invocation} names a busy thread, or no thread is free"
        thread = taker
        valid(invocation)
        self.free.discard(thread)
        self.shared.advance()
        self.draws[thread].advance()
        self.generator = successor
        # Other events happen while a held operation keeps its thread.
        while self.events and self.events[0][0] <= start:
            self.advance()
        self.now = start
        process = self.process[thread]
        assert process not in self.spent, f"seed {self.seed}: process {process} acts after an indefinite operation"
        invocation = structs.replace(invocation, thread=thread)
        self.generator = self.generator.update(self.context(), invocation)
        self.perform(invocation, thread, process)

    def session(self, invocation: Invocation, thread: int) -> _Session | None:
        """Return the append session of a batch. Any other operation ends the thread's session."""
        known = self.sessions.get(thread)
        if not invocation.batches:
            self.sessions.pop(thread, None)
            return None
        assert invocation.session is not None
        if known is None or known.number != invocation.session or known.failed:
            known = self.sessions[thread] = _Session(invocation.session)
        known.flying += 1
        return known

    def perform(self, invocation: Invocation, thread: int, process: int) -> None:
        random, mean = self.surroundings, self.conditions.latency
        invoked, number = self.now, self.invoked
        self.invoked += 1
        there, back = (1 + int(random.expovariate(2 / mean)) for _ in range(2))
        lost = random.random() < self.conditions.indefinite
        applies = not lost or random.random() < 0.5
        acts, ends = invoked + there, invoked + there + back
        session = self.session(invocation, thread)
        if session is not None:
            if session.lost is not None:
                lost, applies = True, session.lost
            elif lost:
                session.lost = applies
            acts = session.acted = max(acts, session.acted + 1)
            ends = session.ended = max(ends, acts + 1, session.ended + 1)
        answers: list[Outcome[Answer]] = []

        def apply() -> None:
            assert not isinstance(invocation.call, Strike), f"seed {self.seed}: a strike, but there is no nemesis"
            if session is not None and session.poisoned:
                answers.append(Definite(SESSION_POISONED.code))
                return
            answers.append(self.service.apply(invocation.stream, invocation.call, self.now))
            if session is not None:
                session.poisoned = not isinstance(answers[0], Ok)

        def complete() -> None:
            outcome = Indefinite("the answer was lost") if lost else answers[0]
            if session is not None:
                session.flying -= 1
                session.failed |= not isinstance(outcome, Ok)
            if session is None or not session.flying:
                self.free.add(thread)
                if lost or (session is not None and session.lost is not None):
                    self.spent.add(process)
                    self.process[thread] = max(self.process) + 1
            is_applied = applies and not (answers and _is_poisoned(answers[0]))
            applied = acts if is_applied else None
            self.done.append(Operation(number, invocation, thread, process, invoked, self.now, applied, outcome))
            completion = Completion(self.now, thread, process, invocation, outcome, _reached(invocation, outcome))
            self.generator = self.generator.update(self.context(), completion)

        if applies:
            self.at(acts, apply)
        self.at(ends, complete)


def _is_poisoned(outcome: Outcome[Answer]) -> bool:
    return isinstance(outcome, Definite) and outcome.code == SESSION_POISONED.code


def _reached(invocation: Invocation, outcome: Outcome[Answer]) -> int | None:
    if invocation.session is None or not isinstance(outcome, Ok) or not isinstance(outcome.value, Batch):
        return None
    return outcome.value.records[-1].seq_num + 1 if outcome.value.records else None


def valid(invocation: Invocation) -> None:
    """Raise AssertionError unless the invocation is a valid request."""
    call = invocation.call
    assert invocation.stream, f"the invocation names no stream: {invocation}"
    if isinstance(call, Append):
        assert 1 <= len(call.records) <= 1000, f"a batch must have 1 to 1000 records: {invocation}"
        assert sum(map(metered_size, call.records)) <= 1 << 20, f"a batch must have at most 1 MiB: {invocation}"
        _unsigned(invocation, call.match_seq_num)
        token = call.fencing_token
        assert token is None or len(token.encode()) <= 36, f"a token must have at most 36 bytes: {invocation}"
        for record in call.records:
            try:
                command = command_of(record)
            except MalformedCommand as error:
                raise AssertionError(f"{error}: {invocation}") from error
            assert command is None or len(record.body) <= 36, f"a token must have at most 36 bytes: {invocation}"
    elif isinstance(call, Read):
        starts = (call.seq_num, call.timestamp, call.tail_offset)
        assert sum(start is not None for start in starts) <= 1, f"a read must have at most one start: {invocation}"
        _unsigned(invocation, *starts, call.count, call.bytes, call.until)


def _unsigned(invocation: Invocation, *numbers: int | None) -> None:
    assert all(number is None or 0 <= number < 1 << 63 for number in numbers), f"a number is out of range: {invocation}"


def simulate(
    generator: Generator,
    conditions: Conditions | None = None,
    seed: int | str = 0,
    service: NaiveService | None = None,
) -> list[Operation]:
    """Return all operations of a run, in the order of their completion. Raise AssertionError if a law is broken."""
    return _Run(generator, service or NaiveService(), conditions or Conditions(), str(seed)).run()
