"""The certificate of an invalid stream: each violation contradicts itself, by its own operations, if answers are right.

Three things are tried: whether any of the operations has no tail at which it can have taken place; whether they say
contrary things of records, batches, timestamps; and whether they have no order in time, each at the least tail that is
left to it. Every edge is recomputed besides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE, History, Int64s, Kind, Outcome

from . import contradictions
from .domains import answered, domain, latest_beginning, meet, proves
from .log import ABSENT
from .premises import Premises
from .refutation import Refuted
from .statement import Claim


@dataclass(slots=True)
class Found:
    """What came of it: contradictions in words by the claim's number, and the numbers of those without."""

    proven: dict[int, str] = field(default_factory=dict)
    open: list[int] = field(default_factory=list)


def check(history: History, stream: int, rows: Int64s, claims: list[Claim]) -> Found:
    """Prove the claims. Raises Refuted where an edge is not as it is said to be, or nothing at all is proven."""
    premises = Premises(history, stream, rows)
    found = Found()
    for number, claim in enumerate(claims):
        if not claim.operations:
            raise Refuted(f"the {claim.anomaly} names no operation")
        sound = all(_holds(premises, *edge) for edge in claim.edges)
        why = _contradiction(premises, claim)
        if why is None or not sound:
            found.open.append(number)
        else:
            found.proven[number] = why
    return found


def _contradiction(premises: Premises, claim: Claim) -> str | None:
    named = np.array([*claim.operations, *claim.context], dtype=np.int64)
    part_of = premises.history.part_of
    parts = premises.rows[(part_of[premises.rows] != NONE) & np.isin(part_of[premises.rows], named)]
    reads = part_of[named][part_of[named] != NONE]
    rows = list(dict.fromkeys([*named.tolist(), *reads.tolist(), *parts.tolist()]))  # an answer is taken as a whole
    rows = [row for row in rows if premises.history.stream[row] == premises.stream]
    if not rows:
        return None
    return (
        contradictions.contents(premises, rows)
        or contradictions.batches(premises, rows)
        or contradictions.timestamps(premises, rows)
        or contradictions.sessions(premises, rows)
        or contradictions.returned_again(premises, rows)
        or contradictions.hashes(premises, rows)
        or contradictions.holes(premises, rows, claim.position)
        or _disorder(premises, sorted(rows))
    )


def _disorder(premises: Premises, rows: list[int]) -> str | None:
    """No order of the operations in time, whatever the stream's first token was."""
    history = premises.history
    firsts = [premises.first]
    if premises.first == NONE:
        named = [int(column[row]) for column in (history.appends.token, history.token_mismatch) for row in rows]
        firsts = [*dict.fromkeys(token for token in named if token != NONE), ABSENT]
    stuck = [_stuck(premises, rows, first) for first in firsts]
    if None in stuck:
        return None
    return f"#{int(history.id[stuck[0]])} has no place that the others leave to it"


def _stuck(premises: Premises, rows: list[int], first: int) -> int | None:
    """The first operation that finds no tail left, each taking the least that those before it leave; None if none."""
    history = premises.history
    reached: dict[int, int] = {}
    for row in _by_time(premises, rows):
        met = premises.tail
        for other in reached:
            if history.returned[other] < history.invoked[row] or follows(premises, other, row):
                met = max(met, reached[other])
            elif in_session(premises, other, row):  # the append itself comes first; a later tail in its answer need not
                met = max(met, (premises.place(other) or 0) + premises.size(other))
        left = meet(domain(premises, row, first), [(met, FOREVER)])
        if not left or latest_beginning(premises, row) < met:
            return row
        reached[row] = max(left[0][0], proves(premises, row))
    return None


def _by_time(premises: Premises, rows: list[int]) -> list[int]:
    """By invocation; what an answer ended with after its parts."""
    part_of, ends = premises.history.part_of, set(premises.history.part_of[rows].tolist())
    return sorted(rows, key=lambda row: (int(premises.history.invoked[row]), row in ends or part_of[row] != NONE,
                                         row in ends, row))  # fmt: skip


def in_session(premises: Premises, one: int, other: int) -> bool:
    """Is it a batch that was applied before another of its session?"""
    history = premises.history
    same = NONE != history.session[one] == history.session[other]
    appends = history.kind[one] == history.kind[other] == Kind.APPEND
    applied = history.outcome[one] != Outcome.FAILED and premises.place(one) is not None
    return bool(same and appends and applied and one < other)


def follows(premises: Premises, one: int, other: int) -> bool:
    """Does one operation come before another in its process, at one instant of the clock, or in one answer?"""
    history = premises.history
    if history.part_of[one] != NONE:
        parent = history.part_of[one]
        return bool(parent == other or (history.part_of[other] == parent and one < other))
    tie = history.process[one] == history.process[other] and history.returned[one] == history.invoked[other]
    pipelined = NONE != history.session[one] == history.session[other]
    return bool(tie and one < other and not pipelined)


def _holds(premises: Premises, source: int, target: int, kind: str) -> bool:
    """Whether an edge is what it is said to be. Raises Refuted where the clock, or an order that is plain, says no."""
    history = premises.history
    if kind == "rt":
        plain = bool(history.returned[source] < history.invoked[target])
    elif kind == "process":
        same = history.process[source] == history.process[target]
        plain = bool(same and source < target and history.returned[source] <= history.invoked[target])
    elif kind == "session":
        plain = bool(history.session[source] == history.session[target] != NONE and source < target)
    elif kind in _STREAM:
        return _STREAM[kind](premises, source, target)
    else:
        raise Refuted(f"nobody knows edges of the kind {kind!r}")
    if not plain:
        raise Refuted(f"#{history.id[source]} is said to come before #{history.id[target]} ({kind}), and does not")
    return True


def _before(premises: Premises, source: int, target: int) -> bool:
    """ww: an append that stands below another."""
    return any(a < b for a in premises.standings(source) for b in premises.standings(target))


def _observed(premises: Premises, source: int, target: int) -> bool:
    """wr: an append, and who was, or may have been, past where it begins."""
    spans = answered(premises, target, premises.token) or [(0, FOREVER)]
    returned = contradictions.returns(premises, target, source)
    return returned or any(start < high for start in premises.standings(source) for _, high in spans)


def _missed(premises: Premises, source: int, target: int) -> bool:
    """rw: who was, or may have been, where an append had not begun; or where another observer was later."""
    low = min((low for low, _ in answered(premises, source, premises.token)), default=0)
    history = premises.history
    if history.kind[target] == Kind.APPEND and history.outcome[target] != Outcome.FAILED:
        return any(low <= start for start in [*premises.standings(target), int(history.appends.tail[target])])
    return any(low <= high for _, high in answered(premises, target, premises.token) or [(0, FOREVER)])


def _set(premises: Premises, source: int, target: int) -> bool:
    """tw: a fence, and who saw its token."""
    return int(premises.history.appends.last_fence[source]) in _tokens(premises.history, target)


def _replaced(premises: Premises, source: int, target: int) -> bool:
    """tr: who saw a token, and a fence that set another."""
    fence = int(premises.history.appends.last_fence[target])
    return fence != NONE and bool(_tokens(premises.history, source) - {fence})


_STREAM: Final = {"ww": _before, "wr": _observed, "rw": _missed, "tw": _set, "tr": _replaced}


def _tokens(history: History, row: int) -> set[int]:
    """The tokens that an operation needs or reports."""
    return {int(history.token_mismatch[row]), int(history.appends.token[row])} - {NONE}
