"""The verifier: the kernel, run alone on a history and what a certificate claims of it.

A certificate gives directions, and nothing else: an order to try, a search to repeat. Whether a stream is valid or
invalid is decided here, from the history. docs/certificates.md says what is asked of each claim.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from fencepost.harness.check_limits import Budget
from fencepost.harness.history.history import History, Int64s

from . import spec
from .accept import accept
from .ahead import orders
from .budget import Spending
from .columns import Requirements, requirements, rows_of
from .contradiction import Refuted
from .exhaust import Exhausted, Found, Over, exhaust
from .format import VALIDITIES, Claim, NamedViolation, claimed_order, read
from .refute import refute

NODES: Final = 10_000
"""The most nodes that the verifier searches."""

MEMORY: Final = 1 << 30
"""Bytes that this may take."""

_ALONG: Final = ("ww", "wr", "rw", "tw", "tr")
"""Edges of the stream and its tokens: they rest on what the answers say together, are for people, and pass."""


@dataclass(slots=True)
class Checked:
    """What holds (``lines``), and what does not (``failures``). The verdict is proven if there are no failures."""

    lines: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def verify(
    history: History,
    parts: Mapping[str, bytes],
    claimed: str,
    asking: Callable[[History, int, Int64s], Requirements] = requirements,
) -> Checked:
    """Check a certificate that is to prove a validity. Raises :class:`~.format.Damaged` where it cannot be read.

    ``asking`` tells what is asked of a stream: whoever checks several certificates of one history may keep that.
    """
    statement = read(history, parts)
    checked = Checked()
    if [claim.stream for claim in statement.claims] != [stream.name for stream in history.header.streams]:
        checked.failures.append("the certificate is not of the streams of the history, each once and in their order")
        return checked
    found, observed = {"unknown"} if statement.reasons else set[str](), False
    for stream, (rows, claim) in enumerate(zip(rows_of(history), statement.claims, strict=True)):
        asked = asking(history, stream, rows)
        observed |= bool(((asked.asked.optional == 0) & (asked.asked.ask != spec.ABSENT)).any())
        found.add(claim.validity)
        try:
            checked.lines.append(f"{claim.stream}: {_proven(asked, rows, claim)}")
        except Refuted as refuted:
            checked.failures.append(f"stream {claim.stream} is not {claim.validity} by this proof: {refuted}")
    worst = next((one for one in VALIDITIES if one in found), "unknown")
    if worst == "valid" and not observed:
        checked.failures.append("the history has no answer that shows anything of a stream, so it is not valid")
    if worst != claimed:
        checked.failures.append(f"the verdict is {claimed}, and the certificate claims {worst}")
    return checked


def _proven(asked: Requirements, rows: Int64s, claim: Claim) -> str:
    """What was proven of a stream. Raises Refuted where the claim does not hold, or was not proven."""
    if claim.validity == "valid":
        return _valid(asked, rows, claim)
    if claim.validity == "invalid":
        return _invalid(asked, rows, claim)
    return _unknown(asked, rows, claim)


def _valid(asked: Requirements, rows: Int64s, claim: Claim) -> str:
    if claim.order is None:
        raise Refuted("no order is given")
    accept(asked, rows, claimed_order(asked, claim.order))
    return f"valid: {len(claim.order):,} moments replayed, of {len(rows):,} operations"


def _invalid(asked: Requirements, rows: Int64s, claim: Claim) -> str:
    for violation in claim.violations:
        _named(asked, violation)
    contradiction = refute(asked, rows)
    if contradiction is not None:
        return f"invalid: {contradiction.why}"
    searched = _searched(asked, rows, NODES)
    if isinstance(searched, Found):
        raise Refuted("an order explains every answer")
    if isinstance(searched, Over):
        raise Refuted(f"a search of {NODES:,} nodes, the most that is tried here, did not come to an end")
    return f"invalid: there is no order, by a search of {searched.nodes:,} nodes"


def _unknown(asked: Requirements, rows: Int64s, claim: Claim) -> str:
    if not any(claim.reasons):
        raise Refuted("no reason is given")
    if claim.nodes is None:
        raise Refuted("no search is named that was given up")
    contradiction = refute(asked, rows)
    if contradiction is not None:
        raise Refuted(f"it is invalid: {contradiction.why}")
    if claim.nodes and not isinstance(_searched(asked, rows, min(claim.nodes, NODES) - 1), Over):
        raise Refuted(f"a search of fewer than {claim.nodes:,} nodes decides it")
    return f"unknown: {claim.reasons[0]}"


def _searched(asked: Requirements, rows: Int64s, nodes: int) -> Found | Exhausted | Over:
    return exhaust(asked, rows, Spending(Budget(nodes, math.inf, MEMORY)))


def _named(asked: Requirements, violation: NamedViolation) -> None:
    """Every operation is the stream's, and every edge of the clock, a process, a session or an answer is there."""
    history = asked.history
    row = {op: history.row_of(op) for op in violation.named}
    for op in row:
        if history.stream[row[op]] != asked.stream:
            raise Refuted(f"{violation.anomaly} names #{op}, which is of another stream")
    for source, target, kind in violation.edges:
        if not orders(history, row[source], row[target]).get(kind, kind in _ALONG):
            raise Refuted(f"#{source} is said to come before #{target} ({kind}), and does not")
