"""Says what is claimed of a history in words, for people who did not see the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from fencepost.harness.history import describe
from fencepost.harness.history.history import FOREVER, NONE, History, Operation
from fencepost.harness.history.times import left_open
from fencepost.harness.printable import quoted
from fencepost.harness.verdict import Edge, Statement, Violation

from ..kernel.ahead import orders
from ..kernel.spec import REASONS, RULES
from .claims import Claimed, Claims, Said


@dataclass(frozen=True, slots=True)
class Link:
    """An edge between two rows, and why it is one."""

    source: int
    target: int
    kind: str
    because: Said


@dataclass(frozen=True, slots=True)
class Witness:
    """The operations (rows) that prove a violation, those that help to understand it (``context``), and the proof.

    The first sentence, ``said``, names what happened. Then each operation is told, and then the proof: ``more``
    sentences, and ``edges`` between operations. ``accused`` are the rows whose answers are wrong. ``position`` is the
    one in question, if any. The witness stands for ``count`` violations.
    """

    rows: tuple[int, ...]
    said: Said
    more: tuple[Said, ...] = ()
    edges: tuple[Link, ...] = ()
    context: tuple[int, ...] = ()
    accused: tuple[int, ...] = ()
    position: int | None = None
    count: int = 1


def ran(history: History, row: int) -> Said:
    """A whole operation, or a part of an answer."""
    whole = int(history.part_of[row])
    if whole != NONE:
        return (Claims.CAME_IN_PART(row, whole),)
    return ((Claims.NEVER_RETURNED if history.ended[row] == FOREVER else Claims.RAN)(row),)


_ORDERS: Final = {
    "answer": Claims.SAME_ANSWER,
    "rt": Claims.RETURNED_BEFORE,
    "process": Claims.SAME_PROCESS,
    "session": Claims.SAME_SESSION,
}


def order(history: History, source: int, target: int) -> list[Link]:
    """That ``source`` came before ``target`` by the clock, or in their process, session or answer; none if not."""
    kind = next((kind for kind, holds in orders(history, source, target).items() if holds), None)
    return [] if kind is None else [Link(source, target, kind, (_ORDERS[kind](source, target),))]


def joined(parts: Iterable[Said], between: str) -> Said:
    """What is said in some parts, with a conjunction between them; parts that say nothing are left out."""
    said: Said = ()
    for part in parts:
        said = (*said, between, *part) if said and part else (*said, *part)
    return said


class Narrator:
    """Says things of the operations of a history. Times are left open until all else is said (:mod:`.completion`)."""

    def __init__(self, history: History) -> None:
        self.history = history

    def told(self, violation: Violation, sentences: Iterable[Said]) -> Violation:
        """The violation with further sentences, and what these claim."""
        said = list(sentences)
        claims = [claim for one in said for claim in one if not isinstance(claim, str)]
        ids = self.history.id
        statements = (
            Statement(one.words.name.lower().replace("_", "-"), tuple(int(ids[row]) for row in one.rows), one.values)
            for one in claims
        )
        return replace(
            violation,
            sentences=(*violation.sentences, *(_sentence(self.text(one)) for one in said)),
            claims=(*violation.claims, *statements),
        )

    def edge(self, link: Link) -> Edge:
        """An edge between operations (ids)."""
        ids = self.history.id
        return Edge(int(ids[link.source]), int(ids[link.target]), link.kind, self.text(link.because))

    def text(self, said: Said) -> str:
        """In words."""
        return "".join(one if isinstance(one, str) else self._claim(one) for one in said)

    def _claim(self, claim: Claimed) -> str:
        operations = (_Told(self.history.operation(row)) for row in claim.rows)
        values = {name: _VALUES.get(name, _plain)(value) for name, value in claim.values.items()}
        return str(claim.words.value).format(*operations, **values)


class _Told:
    """An operation in the words of a claim."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation

    def __format__(self, what: str) -> str:
        return _OPERATIONS[what](self._operation)


def who(operation: Operation) -> str:
    """Return such as ``append #17 of process 3 (token "a")``."""
    conditions = []
    if operation.fencing_token is not None:
        conditions.append(f"token {quoted(operation.fencing_token)}")
    if operation.match_seq_num is not None:
        conditions.append(f"match_seq_num {operation.match_seq_num}")
    given = f" ({', '.join(conditions)})" if conditions else ""
    return f"{describe.name(operation)} of process {operation.process}{given}"


def _token(token: str | None) -> str:
    return "the unknown one from before the history" if token is None else quoted(token)


def _places(places: tuple[int, int]) -> str:
    start, end = places
    return f"position {start}" if end == start + 1 else f"positions {start} to {end - 1}"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "es" if noun.endswith("ch") else "s")


def _plain(value: Any) -> Any:
    return value


_OPERATIONS: Final[Mapping[str, Callable[[Operation], str]]] = {
    "": describe.name,
    "who": who,
    "id": lambda one: f"#{one.id}",
    "process": lambda one: str(one.process),
    "stream": lambda one: one.stream,
    "request": describe.request,
    "match": lambda one: str(one.match_seq_num),
    "given": lambda one: _token(one.fencing_token),
    "sent": lambda one: _number(one.records, "record"),
    "since": lambda one: str(int(one.history.reads.from_timestamp[one.row])),
    "until": lambda one: str(int(one.history.reads.until[one.row])),
    "invoked": lambda one: left_open(one.invoked),
    "ended": lambda one: left_open(int(one.history.ended[one.row])),
    "answer": describe.answer,
    "code": lambda one: str(one.code),
    "told": lambda one: _token(one.token_mismatch),
    "tail": lambda one: str(one.observed_tail if one.seq_num_mismatch is None else one.seq_num_mismatch),
    "ack": lambda one: "[{}, {})".format(*one.ack or ()),
}
"""What a claim can say of an operation."""

_VALUES: Final[Mapping[str, Callable[[Any], Any]]] = {
    "token": _token,
    "digest": lambda digest: f"{digest:016x}",
    "places": _places,
    "others": _places,
    "times": lambda times: "once" if times == 1 else f"{times:,} times",
    "batches": lambda count: _number(count, "acknowledged batch"),
    "states": lambda count: _number(count, "state"),
    "tails": lambda tails: f"the tail {tails[0]}" if tails[0] == tails[1] else f"the tails {tails[0]} to {tails[1]}",
    "rule": lambda rule: REASONS[RULES.index(rule)],
}
"""How values are said, by their names; others as they are."""


def _sentence(text: str) -> str:
    """With a capital and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "…")) else ".")
