"""One operation of a history changed: what all damage is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from fencepost.testing.operations import Op, Position

Mutation = Callable[[Random, list[Op]], list[Op] | None]
"""Changes one thing in operations, by invocation; None where there is nothing to change."""


def picked(random: Random, ops: list[Op], *answers: type, kind: str | None = None) -> int | None:
    """One of the operations with such an answer (and of this kind), by its place; None if there is none."""
    found = [i for i, op in enumerate(ops) if isinstance(op.answer, answers) and kind in (None, op.kind)]
    return random.choice(found) if found else None


def with_changes(ops: list[Op], i: int, **changes: object) -> list[Op]:
    """The operations with some fields of one changed."""
    return [*ops[:i], replace(ops[i], **changes), *ops[i + 1 :]]  # type: ignore[arg-type]


def nearby(random: Random, pair: Position) -> Position:
    """A position that is not far away, with the timestamp of this one."""
    return max(0, pair[0] + random.choice((-2, -1, 1, 1, 2))), pair[1]


def new_process(ops: list[Op]) -> int:
    """One that does nothing else."""
    return max(op.process for op in ops) + 1
