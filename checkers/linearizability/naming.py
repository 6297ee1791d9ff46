"""Names what is wrong with a stream that the kernel refuted, and tells it.

What is told accuses operations. Without these the stream is judged again, for what else is wrong: independent
violations are found one after another, and none swallows another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Final

from fencepost.harness.check_limits import Budget, CheckLimits
from fencepost.harness.history.history import Kind, Outcome
from fencepost.harness.verdict import Validity, Violation

from ..chain.stream import Stream, streams
from ..explanation.findings import Findings
from ..explanation.minimal import minimal
from ..explanation.relaxation import relaxed
from ..explanation.sentences import Teller, Witness, sentence
from ..explanation.signature import signature
from ..kernel.columns import Requirements, requirements
from . import worlds
from .decide import Decision, contradicts_itself, decide

PASSES: Final = 5
"""How often a stream is judged, each time without what was accused before."""

_SMALL: Final = Budget(states=10_000, seconds=1.0, bytes=1 << 26)
"""For what is left of a stream when all but a witness, or what was accused, is relaxed."""

_RULES: Final = {
    "aborted": "aborted-read",
    "absent": "lost-stream",
    "behind": "nonmonotonic-read",
    "below-first": "bad-ack",
    "beyond": "future-read",
    "claims": "inconsistent-offsets",
    "cycle": "nonmonotonic-read",
    "duplicate": "duplicate",
    "hash": "inconsistent-offsets",
    "hole": "future-read",
    "inside": "torn-batch",
    "never-sent": "garbage-read",
    "order": "append-reorder",
    "poison": "session-poison",
    "resurrected": "resurrected-record",
    "session": "session-order",
    "token": "stale-token-write",
    "torn": "torn-batch",
    "two-contents": "inconsistent-offsets",
}
"""The anomaly of what the kernel found, where nothing more special was found."""


def named(
    stream: Stream, asked: Requirements, decision: Decision, limits: CheckLimits, minimally: bool
) -> tuple[Violation, ...]:
    """The violations of an invalid stream, each root once."""
    small = CheckLimits(_SMALL)
    found: list[Violation] = []
    left, accused = stream, set[int]()
    for number in range(PASSES):
        judgement = worlds.likeliest(left)
        new = judgement.findings.violations()
        if not new and not number:
            new = _fallback(left, decision)
        found += [violation for violation in new if not _same_root(violation, found)]
        accusing = {op for violation in new for op in violation.accused} | judgement.findings.accused
        more = {stream.history.row_of(op) for op in accusing} - accused
        if not more:
            break
        accused |= more
        left = without(stream, accused)
        asked = requirements(left.history, left.index, left.rows)
        decision = decide(asked, left.rows, small)
        if decision.validity is not Validity.INVALID:
            break
    if minimally:
        found = list(minimal(stream, found, partial(contradicts_itself, limits=small)))
    return tuple(replace(one, signature=signature(stream.history, one)) for one in found)


def without(stream: Stream, accused: Iterable[int]) -> Stream:
    """The stream with the answers of some rows relaxed: appends of unknown outcome, everything else gone."""
    dropped = set(accused)
    members = [row for row in stream.rows.tolist() if row not in dropped]
    history = relaxed(stream.history, stream.rows, members, ())
    (left,) = (one for one in streams(history) if one.index == stream.index)
    return left


def _same_root(violation: Violation, found: Iterable[Violation]) -> bool:
    return any(violation.anomaly == one.anomaly and violation.operations == one.operations for one in found)


def _fallback(stream: Stream, decision: Decision) -> tuple[Violation, ...]:
    """One violation by what the kernel found, or by all that is there where it tried every order."""
    history, findings = stream.history, Findings(stream)
    contradiction = decision.contradiction
    if contradiction is not None:
        rows = contradiction.rows
        teller = Teller(history, rows)
        told = [teller.told(row) for row in rows]
        witness = Witness(rows, (sentence(contradiction.why), *told), culprit=rows[0], suspects=rows[:1])
        findings.add(_RULES.get(contradiction.rule, "nonmonotonic-read"), witness)
        return findings.violations()
    rows = tuple(stream.rows[stream.history.outcome[stream.rows] != Outcome.INDEFINITE].tolist())
    last = max(rows, key=lambda row: (int(history.invoked[row]), row))
    teller = Teller(history, rows)
    text = f"every order of these operations was tried ({decision.nodes:,} situations), and none explains all answers"
    witness = Witness(rows, (sentence(text), *(teller.told(row) for row in rows[:20])), culprit=last)
    findings.add("bad-ack" if history.kind[last] == Kind.APPEND else "nonmonotonic-read", witness)
    return findings.violations()
