"""Names what is wrong with a stream that the kernel refuted, and tells it.

What is told accuses operations. Without these the stream is judged again, for what else is wrong: independent
violations are found one after another, and none swallows another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from fencepost.harness.check_limits import Budget, CheckLimits
from fencepost.harness.history.history import NONE, Kind, Outcome
from fencepost.harness.verdict import Validity, Violation

from ..chain.stream import Stream, streams
from ..explanation.findings import Findings
from ..explanation.minimal import minimal
from ..explanation.relaxation import relaxed
from ..explanation.sentences import Teller, Witness, sentence
from ..explanation.signature import signature
from ..kernel import spec
from ..kernel.columns import Requirements, requirements
from . import worlds
from .decide import Decision, contradicts_itself, decide
from .time_left import is_over

PASSES: Final = 5
"""How often a long stream is judged, each time without all that was accused before."""

FEW: Final = 2_000
"""Operations up to which each violation is looked for by itself."""

TOLD: Final = 10
"""Violations that are told of a stream that short."""

MOST: Final = 20
"""Operations of a witness that are told, and operations accused of which each is tried."""

_SMALL: Final = Budget(states=10_000, seconds=1.0, bytes=1 << 26)
"""For what is left of a stream when all but a witness, or what was accused, is relaxed."""

_RULES: Final = {
    "aborted": "aborted-read",
    "absent": "lost-stream",
    "below-first": "bad-ack",
    "duplicate": "duplicate",
    "hash": "inconsistent-offsets",
    "inside": "torn-batch",
    "never-sent": "garbage-read",
    "order": "append-reorder",
    "poison": "session-poison",
    "resurrected": "resurrected-record",
    "session": "session-order",
    "torn": "torn-batch",
    "two-contents": "inconsistent-offsets",
    "claims": "inconsistent-offsets",
}
"""The anomaly of what the kernel found, where nothing more special was found; otherwise the question names it."""

_QUESTIONS: Final = {
    spec.WHOLE: "inconsistent-offsets",
    spec.MATCH_REFUSED: "wrong-mismatch",
    spec.TOKEN_REFUSED: "wrong-mismatch",
    spec.REFUSED: "spurious-rejection",
    spec.ABSENT: "lost-stream",
    spec.POISONED: "session-poison",
}
"""The anomaly of an answer that has no place in any order, by what was asked; of any other, ``nonmonotonic-read``."""


def named(
    stream: Stream, asked: Requirements, decision: Decision, limits: CheckLimits, minimally: bool
) -> tuple[Violation, ...]:
    """The violations of an invalid stream, each root once."""
    small = CheckLimits(_SMALL)
    few = len(stream.rows) <= FEW
    found: list[Violation] = []
    left, accused = stream, set[int]()
    for _ in range(TOLD if few else PASSES):
        judgement = worlds.likeliest(left)
        new = judgement.findings.violations() or _fallback(left, asked, decision)
        if few:  # what follows from the first is no news: the next pass shows whether anything is left without it
            accusing = _tell(stream, new[0], found, {int(stream.history.id[row]) for row in accused})
        else:
            found += new
            accusing = {op for violation in new for op in violation.accused} | judgement.findings.accused
        accused |= {stream.history.row_of(op) for op in accusing}
        left = without(stream, accused)
        asked = requirements(left.history, left.index, left.rows)
        decision = decide(asked, left.rows, small)
        if decision.validity is not Validity.INVALID or is_over(limits):
            break
    if few and decision.validity is Validity.VALID:
        found = _needed(stream, found, small)
    if minimally and not is_over(limits):
        found = list(minimal(stream, found, partial(contradicts_itself, limits=small)))
    return tuple(replace(one, signature=signature(stream.history, one)) for one in found)


def without(stream: Stream, accused: Iterable[int]) -> Stream:
    """The stream with the answers of some rows relaxed: appends of unknown outcome, all else gone with its parts."""
    dropped, rows = np.fromiter(set(accused), dtype=np.int64), stream.rows
    relaxing = np.isin(rows, dropped) | np.isin(stream.history.part_of[rows], dropped)
    history = relaxed(stream.history, rows, rows[~relaxing], ())
    (left,) = (one for one in streams(history) if one.index == stream.index)
    return left


def _tell(stream: Stream, violation: Violation, found: list[Violation], accused: set[int]) -> set[int]:
    """Add a violation to those that were found, and return whom it accuses that was not accused before.

    Where that is nobody, it goes on with one found before: then others are wrong as well, its own operations first.
    """
    fresh = {op for op in violation.accused if op not in accused and _answered(stream, op)}
    if fresh:
        found.append(violation)
        return fresh
    everyone = stream.history.id[stream.rows[stream.history.part_of[stream.rows] == NONE]][::-1].tolist()
    everybody = (*violation.operations[::-1], *violation.context, *everyone)
    others = [op for op in everybody if op not in accused and _answered(stream, op)]
    fresh = set(others[:1])
    root = next((i for i, one in enumerate(found) if set(one.accused) & set(violation.accused)), len(found) - 1)
    if root < 0:
        found.append(replace(violation, accused=tuple(fresh)))
    else:
        found[root] = replace(found[root], accused=(*found[root].accused, *fresh))
    return fresh


def _answered(stream: Stream, op: int) -> bool:
    """Whether an operation had an answer, or a part of one, that can be wrong."""
    row = stream.history.row_of(op)
    return bool(stream.history.outcome[row] != Outcome.INDEFINITE or (stream.history.part_of == row).any())


def _needed(stream: Stream, found: list[Violation], limits: CheckLimits) -> list[Violation]:
    """The violations, accusing only what has to be accused: without the rest alone, nothing is wrong any more."""
    accused = list(dict.fromkeys(op for violation in found for op in violation.accused))
    if len(accused) > MOST:
        return found
    for op in accused[::-1]:
        rows = {stream.history.row_of(other) for other in accused if other != op}
        left = without(stream, rows)
        if decide(requirements(left.history, left.index, left.rows), left.rows, limits).validity is Validity.VALID:
            accused.remove(op)
    kept = (replace(one, accused=tuple(op for op in one.accused if op in accused)) for one in found)
    return [violation for violation in kept if violation.accused]


def _fallback(stream: Stream, asked: Requirements, decision: Decision) -> tuple[Violation, ...]:
    """One violation by what the kernel found, or by all that is there where it tried every order."""
    history, contradiction = stream.history, decision.contradiction
    if contradiction is not None:
        rows, why, accused = contradiction.rows, contradiction.why, contradiction.rows[0]
    else:
        rows = tuple(stream.rows[history.outcome[stream.rows] != Outcome.INDEFINITE].tolist())
        why = (
            f"every order of these operations was tried ({decision.nodes:,} situations), and none explains all answers"
        )
        accused = max(rows, key=lambda row: (history.kind[row] != Kind.APPEND, int(history.invoked[row]), row))
    rule = _RULES.get(contradiction.rule) if contradiction is not None else None
    teller, findings = Teller(history, rows), Findings(stream)
    witness = Witness(rows, (sentence(why), *(teller.told(row) for row in rows[:MOST])), culprit=accused)
    findings.add(rule or _by_question(asked, accused), witness)
    return findings.violations()


def _by_question(asked: Requirements, row: int) -> str:
    columns = asked.asked
    at = int(np.searchsorted(columns.row, row))
    ask = int(columns.ask[at]) if at < len(columns.row) and columns.row[at] == row else spec.TAIL
    if ask == spec.APPEND:
        return "stale-token-write" if columns.token[at] != NONE else "bad-ack"
    return _QUESTIONS.get(ask, "nonmonotonic-read")
