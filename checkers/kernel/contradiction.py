"""What refutes a history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from fencepost.harness.history import describe

from .columns import Requirements

RULES = (
    "right",
    "empty",
    "token",
    "match",
    "start",
    "length",
    "below-end",
    "other-tail",
    "hash",
    "not-whole",
    "token-held",
    "other-token",
    "token-first",
    "match-held",
    "all-held",
    "in-range",
    "beyond-tail",
    "at-tail",
    "too-many",
    "too-large",
    "too-late",
    "too-early",
    "not-there",
    "not-ascending",
    "before-start",
    "left-out",
    "other-record",
    "was-gone",
    "tail-not-there",
    "tail-inside",
    "tail-below",
    "no-reason",
    "existed",
    "after-failure",
)
"""Short names of the reasons of :data:`.spec.REASONS`."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Why no order explains a history.

    ``rows`` are the operations that it rests on: first the one whose answer is accused, then those that it
    contradicts. ``rule`` is a short name of what was broken, for programs; ``why`` is a sentence.
    """

    rule: str
    rows: tuple[int, ...]
    why: str


class Contradicted(Exception):
    """A fact that follows from the answers contradicts another one."""

    def __init__(self, found: Contradiction) -> None:
        super().__init__(found.why)
        self.found = found


def contradict(asked: Requirements, rule: str, moments: list[int], why: str) -> NoReturn:
    """The answer of the first moment is accused, the others contradict it; ``why`` begins after its name."""
    rows = tuple(dict.fromkeys(int(asked.asked.row[m]) for m in moments))
    raise Contradicted(Contradiction(rule, rows, f"{described(asked, moments[0])} {why}"))


def described(asked: Requirements, m: int) -> str:
    """The operation of a moment, such as ``append #17``."""
    return describe.name(asked.history.operation(int(asked.asked.row[m])))
