"""What a conformance run found, clause by clause."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final

from msgspec import Struct, to_builtins

from ..exits import ExitCode
from .reasons import REASONS
from .transcript import Exchange

MOST_SHOWN: Final = 12
"""Exchanges of a case that people are shown: the last ones."""


class Verdict(StrEnum):
    """What is known of a case or a clause. Of several cases, the first of these that occurs is the clause's."""

    VIOLATED = "violated"
    UNKNOWN = "unknown"
    CONFORMS = "conforms"
    NOT_OFFERED = "not offered"
    NOT_TRIED = "not tried"


class Case(Struct):
    """One case: what it quotes of which clause, and what came of it. ``why`` says it in words unless it conforms."""

    clause: str
    kind: str
    quote: str
    name: str
    title: str
    verdict: Verdict
    why: str
    exchanges: tuple[Exchange, ...]


class Report(Struct):
    """All cases of a run. ``interrupted`` says that some have not been tried; ``untested`` maps clauses to reasons."""

    target: str
    basin: str
    cases: list[Case]
    untested: dict[str, str]
    interrupted: bool = False

    @property
    def clauses(self) -> dict[str, Verdict]:
        """The verdict on each clause that has a case."""
        order = list(Verdict)
        found: dict[str, Verdict] = {}
        for case in self.cases:
            found[case.clause] = min(found.get(case.clause, Verdict.NOT_TRIED), case.verdict, key=order.index)
        return found

    @property
    def exit_code(self) -> ExitCode:
        """1 if a clause is violated; 2 if nothing is known of one, or the run was interrupted; else 0."""
        verdicts = set(self.clauses.values())
        if Verdict.VIOLATED in verdicts:
            return ExitCode.INVALID
        if self.interrupted or Verdict.UNKNOWN in verdicts or not verdicts & {Verdict.CONFORMS, Verdict.NOT_OFFERED}:
            return ExitCode.UNKNOWN
        return ExitCode.VALID

    def as_json(self) -> str:
        """Return everything as one JSON object."""
        shown = {
            "target": self.target,
            "basin": self.basin,
            "exit_code": int(self.exit_code),
            "interrupted": self.interrupted,
            "clauses": [
                {
                    "clause": number,
                    "verdict": verdict,
                    "cases": [to_builtins(case) for case in self.cases if case.clause == number],
                }
                for number, verdict in self.clauses.items()
            ],
            "not_tested": self.untested,
        }
        return json.dumps(shown, ensure_ascii=False, indent=1)


def untested(chosen: tuple[str, ...]) -> dict[str, str]:
    """Return the clauses that have no case, with the reasons, as far as they are among the chosen ones (none: all)."""
    return {number: why for number, why in REASONS.items() if not chosen or number in chosen}


def told(exchanges: Iterable[Exchange]) -> Iterator[str]:
    """Yield what was sent and what came back, line by line."""
    for exchange in exchanges:
        yield from (f"→ {line}" for line in exchange.sent)
        yield from (f"← {line}" for line in exchange.received)


def lines(report: Report, *, verbose: bool) -> Iterator[str]:
    """Yield the report for people. What went well is told in full only if it is to be ``verbose``."""
    for number, verdict in sorted(report.clauses.items(), key=lambda item: _key(item[0])):
        cases = [case for case in report.cases if case.clause == number]
        yield f"{number:<4} {_counted(verdict, cases)}"
        for case in cases:
            if verbose or case.verdict in (Verdict.VIOLATED, Verdict.UNKNOWN):
                yield from _case(case)
    for number, why in report.untested.items():
        yield f"{number:<4} not tested: {why}"
    verdicts = list(report.clauses.values())
    counts = [f"{verdicts.count(verdict)} {verdict}" for verdict in Verdict if verdict in verdicts]
    yield "clauses: " + ", ".join([*counts, f"{len(report.untested)} not tested"])


def _counted(verdict: Verdict, cases: list[Case]) -> str:
    same = sum(case.verdict is verdict for case in cases)
    if same == len(cases):
        return f"{verdict} ({same} {'case' if same == 1 else 'cases'})"
    rest = [f"{sum(c.verdict is v for c in cases)} {v}" for v in Verdict if v is not verdict]
    return f"{verdict} ({same} of {len(cases)} cases; {', '.join(r for r in rest if not r.startswith('0 '))})"


def _case(case: Case) -> Iterator[str]:
    yield f"     {case.verdict}, {case.kind}: {case.title}"
    yield f"       “{case.quote}”"
    for line in case.why.splitlines():
        yield f"       ! {line}"
    left_out = len(case.exchanges) - MOST_SHOWN
    if left_out > 0:
        yield f"       … {left_out} earlier requests (--json has them)"
    for line in told(case.exchanges[-MOST_SHOWN:]):
        yield f"       {line}"


def _key(number: str) -> tuple[int, str, int]:
    groups = "OACVRSP"
    letter, digits = number[:1], number[1:]
    return groups.find(letter) % 99, letter, int(digits) if digits.isdecimal() else 0
