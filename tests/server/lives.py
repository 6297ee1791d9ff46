"""What may be true of a name of a stream, by what one client was told: created, appended to, trimmed, deleted, gone.

The client makes one request at a time. A :class:`Name` keeps every state that is possible after the answers so far. An
answer that no state allows is a failure of the server. It shares nothing with the server.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TypeAlias


@dataclass(frozen=True)
class Live:
    """The stream exists. Records below ``gone`` were shown to be gone, and those below ``trimmed`` may go."""

    bodies: tuple[bytes, ...] = ()
    gone: int = 0
    trimmed: int = 0


DELETING, ABSENT = "deleting", "absent"
State: TypeAlias = Live | str
LOST = "lost"
"""The outcome of a request whose answer never came."""
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

    def appended(self, bodies: tuple[bytes, ...], outcome: str, start: int = -1, *, trims: bool = False) -> None:
        """``trims``: the batch ends with a command that trims everything up to and with itself."""

        def after(state: Live) -> Live:
            grown = replace(state, bodies=state.bodies + bodies)
            return replace(grown, trimmed=len(grown.bodies)) if trims else grown

        if outcome == LOST:
            self._become(self._now() | {after(state) for state in self._lives()}, "append", bodies, outcome)
        elif not self.refused("append", outcome):
            at = [after(state) for state in self._lives() if len(state.bodies) == start]
            self._become(at, "append", bodies, outcome, start)

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
