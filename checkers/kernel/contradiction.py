"""What refutes a history, and how a claim fails before the kernel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from fencepost.harness.history import describe
from fencepost.harness.history.history import NONE, History, Int64s

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


class Refuted(Exception):
    """A claim does not hold, or answers contradict each other: ``found`` says which.

    ``place`` is the number of moments of an order that were replayed before it, NONE where none was replayed.
    """

    def __init__(self, found: Contradiction | str, place: int = NONE) -> None:
        self.found = Contradiction("claims", (), found) if isinstance(found, str) else found
        self.place = place
        super().__init__(self.found.why)


def refute(
    history: History, row: int, why: str, place: int = NONE, more: Iterable[int] = (), rule: str = "claims"
) -> NoReturn:
    """The claim that fails is about this row, at this place of an order, and about ``more`` rows."""
    others = tuple(dict.fromkeys(int(one) for one in more if one != row))
    why = f"{describe.name(history.operation(row))} {why}"
    raise Refuted(Contradiction(rule, (row,), why, more=others), place)


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
    raise Refuted(Contradiction(rule, rows, why, int(moments[0]), position, others))


def described(asked: Requirements, m: int) -> str:
    """The operation of a moment, such as ``append #17``."""
    return describe.name(asked.history.operation(int(asked.asked.row[m])))
