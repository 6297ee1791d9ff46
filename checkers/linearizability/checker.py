"""The checker: each stream's chain, what must hold of it, and the scan; composed into one result."""

from __future__ import annotations

from typing import Any

import numpy as np

from fencepost.harness.history.history import History, Outcome
from fencepost.harness.verdict import CheckResult, Validity, Violation

from ..anomalies import ANOMALIES
from ..chain.chain import Chain, build
from ..chain.claims import claims, complete
from ..chain.in_force import chain_tokens
from ..chain.stream import UNKNOWN, Stream, among, streams
from ..chain.unplaced import unplaced
from ..domains.domains import Proof
from ..domains.proofs import Proofs, strict, wide
from ..domains.reading import answers
from ..explanation.findings import Findings
from ..holes import find_holes, unresolved
from ..judgement import Judgement
from ..structure import acknowledgements, reads, records, tails, timestamps
from ..structure import tokens as token_checks
from .contradictions import accuse
from .scan import Scan, scan


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
    told = claims(chain)
    complete(chain, told)
    tokens = chain_tokens(chain)
    found = answers(chain)
    unseen = unplaced(chain, tokens)
    certain = strict(chain, tokens, found)
    possible = wide(chain, tokens, found, unseen) if unseen.earliest() else certain
    holes = find_holes(chain, possible.observations, tokens)
    judgement = Judgement(stream, chain, tokens, told, found, possible, holes, Findings(stream))
    acknowledgements.check(judgement)
    token_checks.check(judgement)
    records.check(judgement)
    timestamps.check(judgement)
    reads.check(judgement)
    tails.check(judgement)
    _order(judgement, certain, possible)
    judgement.reasons += unresolved(chain, judgement.holes)
    if chain.facts.doubtful:
        judgement.reasons.append(
            f"stream {stream.name}: the record at position {chain.facts.doubtful[0]} was sent more than once, "
            "in different batches that cannot be told apart"
        )
    return judgement


def _order(judgement: Judgement, certain: Proofs, possible: Proofs) -> None:
    """As if nothing unseen had been applied: where that works, there is an order. Else with all that may have been."""
    result = _scan(judgement, certain)
    sound = len(certain.unexplained) == len(possible.unexplained) and len(certain.torn) == len(possible.torn)
    sound = sound and result.greatest <= judgement.chain.end
    if possible is not certain and not (result.succeeds and sound):
        result = _scan(judgement, possible)
        if result.succeeds:
            judgement.reasons.append(
                f"stream {judgement.stream.name}: an append of unknown outcome that was never read would explain "
                "some answers, and whether it was applied is not known"
            )
    accuse(judgement, result)
    judgement.reasons += _undecided(judgement, result)


def _scan(judgement: Judgement, proofs: Proofs) -> Scan:
    observations, unions = proofs.observations, proofs.unions
    if judgement.accused:
        accused = among(judgement.history, observations.row, judgement.accused)
        observations = observations.where(~accused | (observations.proof <= Proof.SEEN_APPEND))
        unions = unions.where(~among(judgement.history, unions.row, judgement.accused))
    return scan(judgement.stream, observations, unions)


def _undecided(judgement: Judgement, result: Scan) -> list[str]:
    """An unknown initial token explains refusals with one token, not with two."""
    if judgement.tokens.initial != UNKNOWN:
        return []
    rows = result.unions.row[(result.choices.slot == 0) & (result.unions.proof == Proof.TOKEN_MISMATCH)]
    initial = np.unique(judgement.history.token_mismatch[rows])
    if len(initial) < 2:
        return []
    told = ", ".join(judgement.teller().token(int(token)) for token in initial)
    name = judgement.stream.name
    return [f"stream {name}: the initial token is not known, and refusals report each of {told} as if it had been it"]


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
