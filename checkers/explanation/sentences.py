"""Sentences for people who did not see the run: who did what when, and why one thing came before another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fencepost.harness.history import describe
from fencepost.harness.history.history import NONE, History
from fencepost.harness.history.times import left_open
from fencepost.harness.printable import quoted
from fencepost.harness.verdict import Edge


@dataclass(frozen=True, slots=True)
class Witness:
    """The operations (rows) that prove a violation, those that help to understand it (``context``), and the proof.

    The proof is in words, and as edges between operations. ``accused`` are the rows whose answers are wrong.
    ``position`` is the one in question, if any. Times in the sentences are left open (:mod:`.completion`). It stands
    for ``count`` violations.
    """

    rows: tuple[int, ...]
    sentences: tuple[str, ...]
    edges: tuple[Edge, ...] = ()
    context: tuple[int, ...] = ()
    accused: tuple[int, ...] = ()
    position: int | None = None
    count: int = 1


class Teller:
    """Tells of operations of a history. Times are left open until all else is told (:mod:`.completion`)."""

    def __init__(self, history: History) -> None:
        self.history = history

    def name(self, row: int) -> str:
        """Such as ``append #17``."""
        return describe.name(self.history.operation(row))

    def who(self, row: int) -> str:
        """Such as ``append #17 of process 3 (token "a")``."""
        operation = self.history.operation(row)
        conditions = []
        if operation.fencing_token is not None:
            conditions.append(f"token {quoted(operation.fencing_token)}")
        if operation.match_seq_num is not None:
            conditions.append(f"match_seq_num {operation.match_seq_num}")
        given = f" ({', '.join(conditions)})" if conditions else ""
        return f"{self.name(row)} of process {operation.process}{given}"

    def token(self, token: int) -> str:
        """A token by its index, in quotes."""
        return quoted(self.history.tokens[token])

    def initial(self, stream: int) -> str:
        """The token with which a stream (an index) began, in quotes."""
        token = self.history.header.streams[stream].fencing_token
        return "the unknown token from before the history" if token is None else quoted(token)

    def when(self, time: int) -> str:
        """A time of the run."""
        return left_open(time)

    def told(self, row: int, *, first: bool = True) -> str:
        """The whole operation as a sentence, or as the rest of one if it is not ``first`` there."""
        operation = self.history.operation(row)
        ended = operation.ended
        name = self.name(row)
        who = f"{_capital(name) if first else name} of process {operation.process} ({describe.request(operation)})"
        if ended is None:
            return f"{who} was invoked at {self.when(operation.invoked)} and never returned."
        answered = describe.answer(operation)
        return f"{who} ran from {self.when(operation.invoked)} to {self.when(ended)}: {answered}."

    def record(self, row: int, index: int) -> str:
        """A record of a batch, such as ``record 2 (digest 00c0ffee00c0ffee)``; a batch may not have so many."""
        appends = self.history.appends
        if not 0 <= index < appends.offset[row + 1] - appends.offset[row]:
            return f"record {index}"
        return f"record {index} ({_hex(appends.digest[appends.offset[row] + index])})"

    def returned(self, row: int, position: int) -> str:
        """What a read returned at a position, such as ``a record (digest 00c0ffee00c0ffee)``."""
        reads = self.history.reads
        low, high = int(reads.offset[row]), int(reads.offset[row + 1])
        at = [place for place in range(low, high) if reads.seq_num[place] == position]
        return f"a record ({_hex(reads.digest[at[0]])})" if at else "a record"

    def order(self, source: int, target: int) -> list[Edge]:
        """That ``source`` came before ``target`` by the clock, or in their process, session or answer; none if not."""
        history, names = self.history, (self.name(source), self.name(target))
        returned, invoked = int(history.returned[source]), int(history.invoked[target])
        whole = int(history.part_of[source])
        if whole != NONE and (target == whole or (history.part_of[target] == whole and source < target)):
            return [self.edge(source, target, "answer", f"{names[0]} comes first in the same answer")]
        if returned < invoked:
            because = (
                f"{names[0]} returned at {self.when(returned)}, before {names[1]} was invoked at {self.when(invoked)}"
            )
            return [self.edge(source, target, "rt", because)]
        if returned == invoked and history.process[source] == history.process[target] and source < target:
            because = f"process {history.process[source]} did {names[0]} first, then {names[1]}"
            return [self.edge(source, target, "process", because)]
        if history.session[source] == history.session[target] != NONE and source < target:
            return [self.edge(source, target, "session", f"{names[0]} comes first in the session")]
        return []

    def edge(self, source: int, target: int, kind: str, because: str) -> Edge:
        """An edge between rows."""
        return Edge(int(self.history.id[source]), int(self.history.id[target]), kind, because)

    def contradiction(self, edges: Sequence[Edge]) -> str:
        """A cycle of edges as one sentence."""
        steps = [f"#{edge.source} < #{edge.target}, because {edge.because}" for edge in edges]
        if len(steps) == 1:
            return f"{steps[0]}: a contradiction."
        return f"{'; '.join(steps[:-1])}; however {steps[-1]}: a contradiction."

    def place(self, start: int, end: int) -> str:
        """A range of positions."""
        return f"position {start}" if end == start + 1 else f"positions {start} to {end - 1}"


def _hex(digest: Any) -> str:
    return f"digest {int(digest):016x}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return _capital(text) + ("" if text.endswith(".") else ".")


def led(lead: str, text: str) -> str:
    """A sentence that begins with what happened, such as ``A stale writer got a record in: append #3 …``."""
    return f"{lead}: {text[:1].lower()}{text[1:]}"
