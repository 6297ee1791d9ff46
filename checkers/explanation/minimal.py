"""Makes witnesses minimal: relax any one of their operations, and what is left is consistent.

Most witnesses are so by construction. Each is tried by what it means: the history is judged again with everything
outside it relaxed (see :mod:`.relaxation`), and with one more, and one more. Of a long stream that is done with the
part that matters (see :mod:`.window`), where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final

from fencepost.harness.history.history import NONE, History
from fencepost.harness.verdict import Violation

from ..stream import Stream, streams
from .relaxation import relaxed
from .window import Windows

WHOLE: Final = 48
"""Operations of a stream up to which it is tried whole."""

NEAREST: Final = 48
"""Of a longer one, operations among which a witness is looked for that needs more than itself and the chain."""

MOST_ROWS: Final = 50_000
"""Operations of a stream, beyond which witnesses are left as they were constructed."""

MOST_TRIALS: Final = 600
"""Judgements a stream: some two milliseconds each."""

Refutes = Callable[[Stream], bool]
"""Whether a stream is certainly not linearizable."""


def minimal(stream: Stream, violations: Sequence[Violation], refutes: Refutes) -> tuple[Violation, ...]:
    """The violations with minimal witnesses; of those that then rest on the same operations the first stands for all.

    Deletion-based: one pass over the operations finds a minimal set, since what is consistent stays so when more is
    relaxed.
    """
    if not violations or len(stream.rows) > MOST_ROWS:
        return tuple(violations)
    trial = _Trial(stream, refutes)
    found: list[Violation] = []
    first: dict[frozenset[int], int] = {}
    for violation in violations:
        small = trial.reduced(violation)
        at = first.setdefault(frozenset(small.operations), len(found))
        # One answer may break the same promise twice, at different positions.
        if at < len(found) and (found[at].anomaly != small.anomaly or found[at].position == small.position):
            found[at] = _merged(found[at], small)
        else:
            found.append(small)
    return tuple(found)


def _merged(first: Violation, other: Violation) -> Violation:
    """One violation for two of the same root; it goes by the first one's name."""
    names = dict.fromkeys((*first.also, *other.names))
    also = tuple(name for name in names if name != first.anomaly)
    count = first.count + (other.count if other.anomaly == first.anomaly else 0)
    accused = tuple(dict.fromkeys((*first.accused, *other.accused)))
    return replace(first, also=also, accused=accused, count=count)


class _Trial:
    def __init__(self, stream: Stream, refutes: Refutes) -> None:
        self._stream = stream
        self._history: History = stream.history
        self._refutes = refutes
        self._left = MOST_TRIALS
        self._windows = Windows(stream) if len(stream.rows) > WHOLE else None
        rows, part_of = stream.rows, stream.history.part_of[stream.rows]
        self._parts = dict(zip(rows[part_of != NONE].tolist(), part_of[part_of != NONE].tolist(), strict=True))
        self._tried: dict[tuple[frozenset[int], frozenset[int]], bool] = {}

    def reduced(self, violation: Violation) -> Violation:
        """The violation with a minimal witness; what it does without is context.

        The context counts as part of the proof only where that needs it. There it must not prove more than is needed.
        """
        proof = self._whole(violation.operations)
        beside = [row for row in self._whole(violation.context) if row not in proof]
        found = self._sufficient(proof, beside)
        if found is None:
            return violation
        members, context = found
        for row in (*sorted(context - set(beside), reverse=True), *beside):
            if row in context and self._fails(members, context - {row}):
                context.discard(row)
        others = sorted(members - set(proof), reverse=True)
        for row in (*others, *self._by_need(proof)):
            if row in members and self._fails(members - {row}, context):
                members.discard(row)
        helpful = {row for row in (*proof, *beside) if row not in members}
        if context:
            # What the proof rests on must not prove more with it.
            for row in sorted(helpful - context):
                if not any(self._fails(members - {one}, context | {row}) for one in members):
                    context.add(row)
        return self._with(violation, members, context or helpful)

    def _sufficient(self, proof: Sequence[int], beside: Sequence[int]) -> tuple[set[int], set[int]] | None:
        """Members and context that are enough: as they are, with the chain as context, with all answers; or all."""
        members = set(proof)
        if self._windows is not None:
            chain, rest = self._windows.near(proof), self._windows.around(proof, NEAREST)
        else:
            rows = self._stream.rows
            rows = rows[self._history.part_of[rows] == NONE]
            chain, rest = rows[self._history.appends.start[rows] != NONE].tolist(), rows.tolist()
        for more in ((), chain, rest):
            context = {*beside, *more} - members
            if self._fails(members, context) and not self._fails((), context):
                return members, context
        everything = {*rest, *members}
        return (everything, set()) if self._fails(everything, ()) else None

    def _whole(self, operations: Sequence[int]) -> list[int]:
        """The rows of some operations; of what is a part of an answer, that of the read: they are taken together."""
        rows = (self._history.row_of(op) for op in operations)
        part_of = self._history.part_of
        return list(dict.fromkeys(row if part_of[row] == NONE else int(part_of[row]) for row in rows))

    def _by_need(self, proof: Sequence[int]) -> list[int]:
        """Observations are let go first, and of several the later."""
        acked = self._history.appends.start
        return sorted(proof, key=lambda row: (acked[row] != NONE, -row))

    def _fails(self, members: Collection[int], context: Collection[int]) -> bool:
        """Is what these leave of the history inconsistent, for certain? False where that would take too long."""
        key = frozenset(members), frozenset(context)
        if key not in self._tried:
            if not (members or context) or self._left <= 0:
                return False
            self._left -= 1
            parts = self._parts
            members = {*members, *(row for row in parts if parts[row] in members)}
            context = {*context, *(row for row in parts if parts[row] in context)}
            left = self._remaining(members, context)
            self._tried[key] = left is not None and self._refutes(left)
        return self._tried[key]

    def _remaining(self, members: Collection[int], context: Collection[int]) -> Stream | None:
        """What these leave of the stream, or enough of that; None if that is too much."""
        rows, index = self._stream.rows, self._stream.index
        history = self._history
        if self._windows is not None:
            window = self._windows.of(members, context)
            if window is None:
                return None
            rows = window.rows
            history = window.begun(history, index)
        left = relaxed(history, rows, members, context)
        (stream,) = (one for one in streams(left) if one.index == index)
        return stream

    def _with(self, violation: Violation, members: set[int], context: set[int]) -> Violation:
        beside = self._named((*violation.operations, *violation.context), context - members)
        return replace(violation, operations=self._named(violation.operations, members), context=beside)

    def _named(self, named: Sequence[int], rows: Collection[int]) -> tuple[int, ...]:
        """The operations (ids) of some rows: parts of an answer for it, where these were named; the others follow."""
        first = list(dict.fromkeys(op for op in named if self._whole([op])[0] in rows))
        others = sorted(set(rows) - set(self._whole(first)))
        return (*first, *(int(self._history.id[row]) for row in others))
