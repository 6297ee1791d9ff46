"""What may be true of a name of a stream, by what one client was told: created, appended to, trimmed, deleted, gone.

The client makes one request at a time; a session with all its batches is one. A :class:`Name` keeps every state that
is possible after the answers so far. An answer that no state allows is a failure of the server. It shares nothing with
the server.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import TypeAlias

from fencepost.harness.s2 import Append, Record

EVERYTHING = 1 << 40
"""What a trim asks for: it goes as far as the command itself."""


@dataclass(frozen=True)
class Sent:
    """A batch of data records, which may end with a trim of everything, or with a fence."""

    data: tuple[bytes, ...]
    trims: bool = False
    fence: str | None = None
    match: int | None = None
    token: str | None = None

    @property
    def append(self) -> Append:
        command = (Record.trim(EVERYTHING),) if self.trims else ()
        if self.fence is not None:
            command = (Record.fence(self.fence),)
        return Append((*map(Record, self.data), *command), self.match, self.token)


@dataclass(frozen=True)
class Live:
    """The stream exists. Records below ``gone`` were shown to be gone, and those below ``trimmed`` may go."""

    bodies: tuple[bytes, ...] = ()
    gone: int = 0
    trimmed: int = 0
    token: str = ""

    def refusal(self, sent: Sent) -> tuple[str, object] | None:
        """The condition that keeps the batch from being applied here, with what the refusal reveals."""
        if sent.token is not None and sent.token != self.token:
            return TOKEN, self.token
        if sent.match is not None and sent.match != len(self.bodies):
            return MATCH, len(self.bodies)
        return None

    def after(self, sent: Sent) -> Live:
        grown = replace(self, bodies=self.bodies + tuple(record.body for record in sent.append.records))
        if sent.trims:
            return replace(grown, trimmed=len(grown.bodies))
        return grown if sent.fence is None else replace(grown, token=sent.fence)


@dataclass
class Writer:
    """What makes the batches of one client: all bodies are different, and most conditions hold."""

    name: str
    random: Random
    counter: int = 0

    def body(self) -> bytes:
        self.counter += 1
        return f"{self.name} {self.counter}".encode()

    def session(self, guess: Live, most: int) -> list[Sent]:
        """The batches of a session on a stream that may be as guessed."""
        found: list[Sent] = []
        for _ in range(self.random.randint(1, most)):
            found.append(self.batch(guess))
            if guess.refusal(found[-1]) is None:
                guess = guess.after(found[-1])
        return found

    def batch(self, guess: Live, *, trims: bool | None = None) -> Sent:
        random = self.random
        data = tuple(self.body() for _ in range(random.randint(1, 3)))
        trims = random.random() < 0.1 if trims is None else trims
        fence = self.body().decode() if not trims and random.random() < 0.15 else None
        match = len(guess.bodies) + (random.random() < 0.1) if random.random() < 0.3 else None
        token = (guess.token if random.random() < 0.9 else "stale") if random.random() < 0.3 else None
        return Sent(data, trims, fence, match, token)


DELETING, ABSENT = "deleting", "absent"
State: TypeAlias = Live | str
LOST = "lost"
"""The outcome of a request whose answer never came."""
TOKEN, MATCH = "fencing_token_mismatch", "seq_num_mismatch"
NOT_FOUND, PENDING, EXISTS = "stream_not_found", "stream_deletion_pending", "resource_already_exists"


@dataclass
class Name:
    """The states that are possible. ``expires`` and ``vanishes`` say that records, and an empty stream, may go."""

    expires: bool = False
    vanishes: bool = False
    states: set[State] = field(default_factory=lambda: {ABSENT})
    told: list[object] = field(default_factory=list)

    def _now(self) -> set[State]:
        """Return what is possible now: some things happen by themselves."""
        states = set(self.states)
        if self.vanishes:
            states |= {DELETING for state in self._lives() if self._may_go(state) == len(state.bodies)}
        return states | ({ABSENT} if DELETING in states else set())

    def _lives(self) -> list[Live]:
        return [state for state in self.states if isinstance(state, Live)]

    def _may_go(self, state: Live) -> int:
        return len(state.bodies) if self.expires else state.trimmed

    def _become(self, states: Iterable[State], *told: object) -> None:
        self.told.append(told)
        self.states = set(states)
        assert self.states, "\n".join(map(str, self.told[-12:]))

    def refused(self, what: str, code: str) -> bool:
        """Note a refusal that tells whether the stream exists; False if this is none."""
        now = self._now()
        match code:
            case "stream_not_found":
                self._become(now & {ABSENT}, what, code)
            case "stream_deletion_pending":
                self._become(now & {DELETING}, what, code)
            case "resource_already_exists":
                self._become(self._lives(), what, code)
            case _:
                return False
        return True

    def created(self, outcome: str) -> None:
        now = self._now()
        if outcome == LOST:
            self._become(now | ({Live()} if ABSENT in now else set()), "create", outcome)
        elif not self.refused("create", outcome):
            self._become({Live()} if ABSENT in now else (), "create", outcome)

    def deleted(self, outcome: str) -> None:
        now = self._now()
        after = {DELETING} if self._lives() or DELETING in now else set[State]()
        if outcome == LOST:
            self._become(now | after, "delete", outcome)
        elif not self.refused("delete", outcome):
            self._become(after, "delete", outcome)

    def guess(self) -> Live:
        """A state that is possible, as far as appends can tell."""
        return max(self._lives(), key=lambda state: len(state.bodies), default=Live())

    def appended(self, sent: Sent, outcome: str, revealed: object = None) -> None:
        """``revealed`` is the start of the batch, or what a condition's refusal shows."""
        if outcome == LOST:
            self.lost([sent])
        elif outcome in (TOKEN, MATCH):
            at = [state for state in self._lives() if state.refusal(sent) == (outcome, revealed)]
            self._become(at, "append", sent, outcome, revealed)
        elif not self.refused("append", outcome):
            applied = [state for state in self._lives() if state.refusal(sent) is None]
            at = [state.after(sent) for state in applied if len(state.bodies) == revealed]
            self._become(at, "append", sent, outcome, revealed)

    def lost(self, session: Sequence[Sent]) -> None:
        """Any beginning of these batches may have been applied, up to the first that is refused."""
        possible = self._now()
        for state in self._lives():
            for sent in session:
                if state.refusal(sent) is not None:
                    break
                state = state.after(sent)
                possible.add(state)
        self._become(possible, "appends", session, LOST)

    def saw_tail(self, outcome: str, tail: int = -1) -> None:
        if not self.refused("tail", outcome):
            self._become([state for state in self._lives() if len(state.bodies) == tail], "tail", outcome, tail)

    def saw_records(self, outcome: str, records: list[tuple[int, bytes]]) -> None:
        """What a read from 0 returned, of a stream that is not empty."""

        def after(state: Live) -> State | None:
            first = records[0][0] if records else len(state.bodies)
            fits = state.gone <= first <= self._may_go(state)
            same = records == list(enumerate(state.bodies))[first:]
            return replace(state, gone=first) if fits and same and state.bodies else None

        if not self.refused("read", outcome):
            self._become([found for state in self._lives() if (found := after(state))], "read", outcome, records)
