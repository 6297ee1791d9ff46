"""What a history for tests is: operations, the state before them, and what may be in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

from fencepost.harness.history.history import History
from fencepost.testing import by_invocation, history, jsonl, show
from fencepost.testing.operations import Lost, Op

TOKENS: Final = ("", "x", "xy", "y")


@dataclass(frozen=True, slots=True)
class Features:
    """What histories may have in them beyond single appends, reads and check-tails.

    ``append_sessions``: pipelined batches. ``read_sessions``: answers in parts, without implicit bounds. ``cut_short``:
    reads of which only a part came. ``hashes``: reads of the whole stream. ``repeats``: records that are not unique.
    ``cuts``: journals that end in the middle. ``absences``: streams that are not there yet, or not any more.
    ``retention``: records that vanish by age. ``untimed``: positions without timestamps.
    """

    append_sessions: bool = False
    read_sessions: bool = False
    cut_short: bool = False
    hashes: bool = False
    repeats: bool = False
    cuts: bool = False
    absences: bool = False
    retention: bool = False
    untimed: bool = False


PLAIN: Final = Features()
ALL: Final = Features(*[True] * len(Features.__slots__))
JUDGED: Final = ALL
"""What the checker judges."""


@dataclass(frozen=True, slots=True)
class Story:
    """A history, and where it comes from. ``tail`` and ``token`` are the stream's state before it.

    ``unique``, ``others_may_delete`` and ``retention_ms`` are what its header declares; its journal has an end mark if
    it is ``closed``.
    """

    ops: tuple[Op, ...]
    tail: int
    token: str | None
    origin: str
    unique: bool = True
    closed: bool = True
    others_may_delete: bool = False
    retention_ms: int | None = None

    def __str__(self) -> str:
        marks = ("" if self.unique else ", records are not unique") + ("" if self.closed else ", cut")
        marks += ", others may delete" * self.others_may_delete + ", records expire" * (self.retention_ms is not None)
        return f"{self.origin}{marks}\n{show(self.ops, self.tail, self.token)}"

    @property
    def declared(self) -> dict[str, Any]:
        """What the header says, by the names of the parameters that take it everywhere."""
        names = "tail", "token", "unique", "others_may_delete", "retention_ms"
        return {name: getattr(self, name) for name in names}

    @property
    def history(self) -> History:
        """As columns."""
        return history(*self.ops, closed=self.closed, **self.declared)

    @property
    def jsonl(self) -> bytes:
        """As a journal."""
        return jsonl(*self.ops, closed=self.closed, **self.declared)


def is_well_formed(ops: list[Op]) -> bool:
    """Whether time runs forwards and each process does one thing at a time, nothing after an indefinite one.

    Batches of one session may overlap. Parts of an answer come one after another, while their read goes on.
    """
    busy: dict[int, list[Op]] = {}
    for op in by_invocation(ops):
        times = [op.invoked, *(part.time for part in op.parts), *([] if op.ended is None else [op.ended])]
        if op.invoked < 0 or times != sorted(times) or (op.ended is None and not isinstance(op.answer, Lost)):
            return False
        for other in busy.setdefault(op.process, []):
            pipelined = op.session is not None and op.session == other.session and op.kind == other.kind == "append"
            if other.returned > op.invoked and not pipelined:
                return False
        busy[op.process].append(op)
    return True


def cut_off(random: Random, story: Story) -> Story:
    """The journal up to some moment: what was under way then never returned."""
    latest = max((op.invoked if op.ended is None else op.ended for op in story.ops), default=0)
    time = random.randint(0, latest)
    ops = []
    for op in story.ops:
        if op.invoked <= time:
            parts = tuple(part for part in op.parts if part.time <= time)
            under_way = op.ended is None or op.ended > time
            ops.append(replace(op, ended=None, answer=Lost(), parts=parts) if under_way else op)
    return replace(story, ops=tuple(ops), closed=False)
