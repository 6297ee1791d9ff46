"""Tells why there is no order, where every one was tried: by the furthest that any of them gets."""

from __future__ import annotations

from fencepost.harness.history.history import NONE

from ..explanation.sentences import Teller, Witness, sentence
from ..judgement import Judgement
from ..search.decide import Decision
from ..search.moments import Sort

_NAMES = {
    Sort.TAIL: "nonmonotonic-read",
    Sort.WHOLE: "inconsistent-offsets",
    Sort.TAIL_REFUSAL: "wrong-mismatch",
    Sort.UNSATISFIABLE: "nonmonotonic-read",
    Sort.TOKEN_REFUSAL: "wrong-mismatch",
    Sort.SILENT_REFUSAL: "spurious-rejection",
    Sort.READ: "nonmonotonic-read",
    Sort.BEGIN: "nonmonotonic-read",
}


def accuse(judgement: Judgement, decision: Decision) -> None:
    """One violation: the operation that the furthest order cannot place, and how much was tried."""
    moment, dead = decision.dead.blocking, decision.dead
    row = decision.found.row[moment] if moment != NONE else NONE
    if row == NONE:
        return
    teller = judgement.teller(row)
    anomaly = _name(judgement, decision, moment)
    tried = (
        f"every way of applying the {_count(len(decision.pool), 'append')} of unknown outcome was tried "
        f"({_count(decision.spent.states, 'situation')}), and none explains all answers"
    )
    furthest = f"the furthest gets to the tail {dead.tail}, where {teller.who(row)} has no place"
    witness = Witness((row,), (sentence(f"{tried}; {furthest}"), teller.told(row), *_context(teller, decision)))
    judgement.findings.add(anomaly, witness, dead.tail)


def _name(judgement: Judgement, decision: Decision, moment: int) -> str:
    sort, row = Sort(decision.found.sort[moment]), decision.found.row[moment]
    if sort is Sort.APPEND:
        appends = judgement.history.appends
        return "stale-token-write" if appends.token[row] != NONE else "bad-ack"
    return _NAMES[sort]


def _context(teller: Teller, decision: Decision) -> list[str]:
    return [teller.told(row) for row in decision.pool.row[:5]]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
