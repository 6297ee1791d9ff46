"""The certificate of a search that tried everything: its log, gone through again.

The log says in which order situations were met, and what was applied in each. Nothing that it says is believed: each
situation is replayed here from the raw history, every append that may come next must have been tried, and what is said
to be the same as an earlier situation must have the same future. So the work is linear in the log, times what lies
between two choices and what may be chosen there, and nothing is searched for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import Final

from fencepost.harness.history import describe
from fencepost.harness.history.history import NONE, History, Int64s

from .asked import Ask, Asked, asked
from .lacking import Lacking
from .log import ABSENT
from .refutation import Refuted
from .replaying import Replay, Situation
from .statement import Logged, Supposed

_WORLDS: Final = 100_000


@dataclass(slots=True)
class _Node:
    """A situation on the way to the present one, and what was tried in it.

    ``tried`` are floats; ``here`` and ``later`` are beginnings of answers, of those that are ``open`` in it.
    """

    number: int
    situation: Situation
    open: list[int]
    tried: set[int] = field(default_factory=set)
    here: set[int] = field(default_factory=set)
    later: set[int] = field(default_factory=set)


def check(history: History, stream: int, rows: Int64s, logged: Logged) -> str:
    """Raises Refuted unless the log shows that no order explains the stream; else what was gone through, in words."""
    replay = Replay(asked(history, stream, rows))
    worlds = _worlds(replay.asked, logged)
    lacking = Lacking(replay)
    ends = [world.node for world in worlds[1:]] + [len(logged.parent)]
    if worlds[0].node != 0 or worlds[-1].node >= len(logged.parent):
        raise Refuted("the log begins with no situation, or ends before one")
    for world, end in zip(worlds, ends, strict=True):
        _World(replay, lacking, world, logged).check(end)
    supposed = "" if len(worlds) == 1 else f", under {len(worlds):,} suppositions"
    return f"{len(logged.parent):,} situations of a search replayed{supposed}: no order explains all answers"


def _worlds(asked: Asked, logged: Logged) -> list[Supposed]:
    """What is supposed, in the order of the log: together it must be all that can be supposed."""
    possible = len(tokens := _first_tokens(asked))
    for _, floats in asked.open_sessions:
        possible *= len(floats) + 1
    if possible != len(logged.supposed) or possible > _WORLDS:
        raise Refuted(f"{possible:,} things can be supposed, and the log tells of {len(logged.supposed):,}")
    refusals = [asked.moments[refusal].row for refusal, _ in asked.open_sessions]
    told = {
        (one.token, tuple(one.applied.get(row, NONE) for row in refusals)): one
        for one in logged.supposed if one.applied.keys() == set(refusals)
    }  # fmt: skip
    lengths = (range(len(floats) + 1) for _, floats in asked.open_sessions)
    for token, *numbers in product(tokens, *lengths):
        if (token, tuple(numbers)) not in told:
            raise Refuted("the log does not tell of all that can be supposed of the first token and of sessions")
    return sorted(told.values(), key=lambda one: one.node)


def _first_tokens(asked: Asked) -> list[int]:
    """The one that is known; else each that is named, and one that is not."""
    history, rows = asked.history, asked.rows
    known = history.header.streams[asked.stream].fencing_token
    if known is not None:
        return [history.tokens.index(known) if known in history.tokens else ABSENT]
    named = {*history.token_mismatch[rows].tolist(), *history.appends.token[rows].tolist()} - {NONE}
    return [*sorted(named), ABSENT]


class _World:
    """The part of the log that supposes one thing."""

    def __init__(self, replay: Replay, lacking: Lacking, supposed: Supposed, logged: Logged) -> None:
        self._replay, self._asked, self._logged, self._lacking = replay, replay.asked, logged, lacking
        self._supposed = supposed
        self._numbers = {one.row: number for number, one in enumerate(self._asked.floats)}
        self._beginnings = {
            moment.row: number for number, moment in enumerate(self._asked.moments) if moment.ask is Ask.BEGIN
        }
        self._way: list[_Node] = []
        self._keys: dict[int, object] = {}

    def check(self, end: int) -> None:
        """Go through it, up to the node ``end``."""
        begin, parents, rows = self._supposed.node, self._logged.parent, self._logged.applied
        wanted = set(self._logged.same[begin:end]) - {NONE}
        self._enter(begin, self._first(), wanted)
        for node in range(begin + 1, end):
            while self._way and self._way[-1].number != parents[node]:
                self._leave()
            if not self._way:
                raise Refuted(f"node {node} of the log follows from none that is open")
            parent = self._way[-1]
            self._replay.back_to(parent.situation)
            situation = parent.situation.copy()
            if rows[node] in self._beginnings or rows[node] < NONE:
                self._begin(node, parent, situation)
            else:
                self._apply(node, parent, situation)
            self._replay.settle(situation)
            self._enter(node, situation, wanted)
        while self._way:
            self._leave()

    def _apply(self, node: int, parent: _Node, situation: Situation) -> None:
        row = self._logged.applied[node]
        number = self._numbers.get(row, NONE)
        if number == NONE or self._lacking.barred >> number & 1:
            raise Refuted(f"node {node} of the log applies what cannot be applied")
        parent.tried.add(number)
        if not self._replay.apply(situation, number):
            raise Refuted(f"node {node} of the log applies {self._who(row)} where that cannot be")

    def _begin(self, node: int, parent: _Node, situation: Situation) -> None:
        """An answer in parts began here, or it did not."""
        row = self._logged.applied[node]
        moment = self._beginnings.get(row if row > NONE else -2 - row, NONE)
        if moment not in parent.open:
            raise Refuted(f"node {node} of the log tells of a beginning that is not open")
        (parent.here if row > NONE else parent.later).add(moment)
        self._replay.decide(situation, moment, here=row > NONE)

    def _first(self) -> Situation:
        """Before anything: what is supposed of sessions says what refusals wait for, and what is never applied."""
        needs, barred = {}, 0
        for refusal, floats in self._asked.open_sessions:
            length = self._supposed.applied[self._asked.moments[refusal].row]
            needs[refusal] = floats[:length]
            for number in floats[length:]:
                barred |= 1 << number
        self._lacking.barred = barred
        return self._replay.begin(self._supposed.token, needs)

    def _enter(self, node: int, situation: Situation, wanted: set[int]) -> None:
        if self._replay.along(situation):
            raise Refuted(f"node {node} of the log explains every answer")
        same = self._logged.same[node]
        if same == NONE:
            self._way.append(_Node(node, situation, self._replay.open(situation)))
            if node in wanted:
                self._keys[node] = self._replay.key(situation)
        elif same not in self._keys or self._keys[same] != self._replay.key(situation):
            raise Refuted(f"node {node} of the log is not the same as node {same}")

    def _leave(self) -> None:
        """Whatever may come next in a situation was tried."""
        node = self._way.pop()
        if node.open:
            if not node.here & node.later:
                raise Refuted(
                    f"node {node.number} of the log does not try that an answer began there, and that it did not"
                )
            return
        if (number := self._lacking.untried(node.situation, node.tried)) != NONE:
            row = self._asked.floats[number].row
            raise Refuted(
                f"node {node.number} of the log does not try {self._who(row)}, "
                f"which may come next at the tail {node.situation.tail}"
            )

    def _who(self, row: int) -> str:
        return describe.name(self._asked.history.operation(row))
