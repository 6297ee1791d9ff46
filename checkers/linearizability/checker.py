"""The checker: each stream's chain, what must hold of it, and the scan; composed into one result."""

from __future__ import annotations

from typing import Any

import numpy as np

from fencepost.harness.history.history import History, Outcome
from fencepost.harness.verdict import CheckResult, Validity, Violation

from ..anomalies import ANOMALIES
from ..chain import Chain, build
from ..domains import observations
from ..findings import Findings
from ..holes import find_holes, unresolved
from ..judgement import Judgement
from ..stream import Stream, streams
from ..structure import acknowledgements, reads, records, tails
from ..structure import tokens as token_checks
from ..trims import TrimPoints
from .contradictions import accuse
from .refusals import certain_refusals, initial_token, possible_refusals, undecided
from .scan import scan


class Linearizability:
    """Judges a history against the promises of a stream, by its operations alone."""

    name = "linearizability"
    summary = "every stream behaves as one log: the chain of appends, conditions, real time, and what reads return"
    anomalies = ANOMALIES

    def check(self, history: History) -> CheckResult:
        """See :class:`~fencepost.harness.verdict.Checker`."""
        violations: list[Violation] = []
        reasons: list[str] = []
        details: dict[str, Any] = {}
        for stream in streams(history):
            judgement = judge(stream)
            found = judgement.findings.violations()
            violations += found
            reasons += judgement.reasons
            details[stream.name] = _details(judgement, found)
        if not (history.outcome == Outcome.OK).any():
            reasons.append("nothing succeeded" if len(history) else "the history is empty")
        warnings = [] if history.whole else ["the journal has no end mark: what was pending counts as indefinite"]
        validity = Validity.INVALID if violations else Validity.UNKNOWN if reasons else Validity.VALID
        return CheckResult(validity, tuple(violations), tuple(reasons), tuple(warnings), {"streams": details})


def judge(stream: Stream) -> Judgement:
    """Judge one stream."""
    chain = build(stream)
    trims = TrimPoints(chain)
    proved = observations(chain, trims)
    tokens = initial_token(chain)
    judgement = Judgement(stream, chain, tokens, trims, proved, find_holes(chain, proved), Findings(stream))
    acknowledgements.check(judgement)
    token_checks.check(judgement)
    records.check(judgement)
    reads.check(judgement)
    tails.check(judgement)
    _scan(judgement)
    judgement.reasons += unresolved(chain, judgement.holes)
    if chain.facts.doubtful:
        judgement.reasons.append(
            f"stream {stream.name}: the record at position {chain.facts.doubtful[0]} was sent more than once, "
            "in different batches that cannot be told apart"
        )
    return judgement


def _scan(judgement: Judgement) -> None:
    """With the slots that are certain first: where that works, it is a linearization. Else with all that may be."""
    proved = judgement.observations
    if judgement.accused:
        accused = np.isin(proved.row, list(judgement.accused))
        proved = proved.where(~accused | (proved.proof <= 1))
    result = scan(judgement.stream, proved, certain_refusals(judgement))
    if len(result.failing) or len(result.failing_refusals):
        possible = possible_refusals(judgement)
        if possible is not None:
            result = scan(judgement.stream, proved, possible)
            if not (len(result.failing) or len(result.failing_refusals)):
                judgement.reasons.append(
                    f"stream {judgement.stream.name}: refusals report tokens that only a fence of unknown outcome can "
                    "have set, and whether it was applied is not known"
                )
    accuse(judgement, result)
    judgement.reasons += undecided(judgement, result)


def _details(judgement: Judgement, found: tuple[Violation, ...]) -> dict[str, Any]:
    chain, stream = judgement.chain, judgement.stream
    unused = set(chain.unused.tolist())
    candidates = {row for hole in judgement.holes for row in hole.candidates}
    return {
        "operations": len(stream.rows),
        "records": _records(chain),
        "tail": int(max(judgement.observations.lower.max(initial=0), stream.tail)),
        "appends-acked": len(stream.acked),
        "appends-indefinite-seen": len(stream.floating) - len(unused),
        "appends-indefinite-unseen": len(unused - candidates),
        "appends-unresolved": len(candidates),
        "violations": sum(violation.count for violation in found),
    }


def _records(chain: Chain) -> int:
    return int((chain.batches.end - chain.batches.start)[chain.batches.legal].sum())
