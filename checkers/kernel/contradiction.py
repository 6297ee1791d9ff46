"""What refutes a history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from fencepost.harness.history import describe
from fencepost.harness.history.history import NONE, Int64s

from .columns import Requirements


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Why no order explains a history.

    ``rows`` are the operations that it rests on: first the one whose answer is accused, then those that it
    contradicts. ``rule`` is a short name of what was broken, for programs; ``why`` is a sentence. ``moment`` is that of
    the accused answer, and ``position`` the one in question, NONE where there is none. ``more`` are other operations
    whose answers break the same rule; what is said of them may follow from the first. ``place`` is where each moment's
    append took effect, shape (m,), NONE where that is not certain; None where no place is certain.
    """

    rule: str
    rows: tuple[int, ...]
    why: str
    moment: int = NONE
    position: int = NONE
    more: tuple[int, ...] = ()
    place: Int64s | None = field(default=None, compare=False)


class Contradicted(Exception):
    """A fact that follows from the answers contradicts another one."""

    def __init__(self, found: Contradiction) -> None:
        super().__init__(found.why)
        self.found = found


def contradict(
    asked: Requirements,
    rule: str,
    moments: Sequence[int] | Int64s,
    why: str,
    position: int = NONE,
    more: Iterable[int] = (),
) -> NoReturn:
    """The answer of the first moment is accused, the others contradict it; ``why`` begins after its name.

    The answers of the moments ``more`` break the same rule.
    """
    rows, others = (tuple(dict.fromkeys(int(asked.asked.row[m]) for m in some)) for some in (moments, more))
    others = tuple(row for row in others if row != rows[0])
    why = f"{described(asked, moments[0])} {why}"
    raise Contradicted(Contradiction(rule, rows, why, int(moments[0]), position, others))


def described(asked: Requirements, m: int) -> str:
    """The operation of a moment, such as ``append #17``."""
    return describe.name(asked.history.operation(int(asked.asked.row[m])))
