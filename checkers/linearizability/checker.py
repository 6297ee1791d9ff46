"""The checker: every stream is judged alone, and the judgements are composed into one result."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from fencepost.harness.allowance import Allowance, Budget
from fencepost.harness.history.history import NONE, History, Outcome
from fencepost.harness.verdict import CheckResult, Validity, Violation

from ..anomalies import ANOMALIES
from ..certificate.proofs import LinearizabilityCertificate
from ..chain.chain import Chain
from ..chain.stream import Stream, streams
from ..explanation.minimal import minimal
from ..judgement import Judgement
from .judging import judge
from .many import judge_all
from .proving import Deferred, accepted_proof, proof
from .quick import Accepted, accept

_SMALL: Final = Budget(states=10_000, seconds=1.0, bytes=1 << 26)
"""For what is left of a history when all but a witness is relaxed."""


class Linearizability:
    """Judges a history against the promises of a stream, by its operations alone.

    ``minimal`` witnesses are tried for: without, they are as they were constructed, and the verdict is the same.
    """

    name = "linearizability"
    summary = "every stream behaves as one log: the chain of appends, conditions, real time, and what reads return"
    anomalies = ANOMALIES

    def __init__(self, minimal: bool = True) -> None:
        self._minimal = minimal

    def check(self, history: History, allowance: Allowance | None = None) -> CheckResult:
        """See :class:`~fencepost.harness.verdict.Checker`."""
        allowance = allowance or Allowance()
        violations: list[Violation] = []
        reasons: list[str] = []
        details: dict[str, Any] = {}
        proofs = []
        judging = partial(_judge, minimally=self._minimal)
        for stream, judged in judge_all(list(streams(history)), judging, allowance):
            violations += judged.violations
            reasons += judged.reasons
            details[stream.name] = judged.details
            proofs.append(judged.proof)
        decided = len(reasons)
        if not _observed(history):
            reasons.append("nothing was observed" if len(history) else "the history is empty")
        warnings = [] if history.whole else ["the journal has no end mark: what was pending counts as indefinite"]
        validity = Validity.INVALID if violations else Validity.UNKNOWN if reasons else Validity.VALID
        certificate = LinearizabilityCertificate(history, proofs, reasons[decided:])
        return CheckResult(
            validity, tuple(violations), tuple(reasons), tuple(warnings), {"streams": details}, certificate
        )


@dataclass(frozen=True, slots=True)
class _Judged:
    """What is said of one stream."""

    details: dict[str, Any]
    proof: Deferred
    violations: tuple[Violation, ...] = ()
    reasons: tuple[str, ...] = ()


def _judge(stream: Stream, allowance: Allowance, minimally: bool) -> _Judged:
    if accepted := accept(stream):
        return _Judged(_accepted(accepted), Deferred(partial(accepted_proof, accepted)))
    judgement = judge(stream, allowance)
    found = judgement.findings.violations()
    if minimally:
        found = minimal(stream, found, _contradicts_itself)
    proven = Deferred(partial(proof, judgement, found, allowance))
    return _Judged(_details(judgement, found), proven, found, tuple(judgement.reasons))


def _contradicts_itself(stream: Stream) -> bool:
    return judge(stream, Allowance(_SMALL)).findings.any


def _observed(history: History) -> bool:
    """Did any answer tell anything of a stream? A refusal does: it is a read of the tail or of the token."""
    told = (history.seq_num_mismatch != NONE) | (history.token_mismatch != NONE) | (history.observed_tail != NONE)
    return bool((told | (history.status == 412) | (history.outcome == Outcome.OK)).any())


def _details(judgement: Judgement, found: tuple[Violation, ...]) -> dict[str, Any]:
    chain, stream, decision = judgement.chain, judgement.stream, judgement.decision
    unused = set(chain.unused.tolist())
    applied = {row for row, _ in decision.sequence} & unused if decision is not None else set[int]()
    return {
        "operations": len(stream.rows),
        "records": _records(chain),
        "tail": int(max(judgement.observations.lower.max(initial=0), stream.tail)),
        "appends-acked": len(stream.acked),
        "appends-indefinite-seen": len(stream.floating) - len(unused),
        "appends-indefinite-unseen": len(unused),
        "appends-indefinite-unseen-applied": len(applied),
        "states-searched": decision.spent.states if decision is not None else 0,
        "violations": sum(violation.count for violation in found),
    }


def _accepted(accepted: Accepted) -> dict[str, Any]:
    """The details of a stream that was valid for simple reasons."""
    stream = accepted.stream
    return {
        "operations": len(stream.rows),
        "records": accepted.records,
        "tail": stream.tail + accepted.records,
        "appends-acked": len(stream.acked),
        "appends-indefinite-seen": 0,
        "appends-indefinite-unseen": len(stream.floating),
        "appends-indefinite-unseen-applied": 0,
        "states-searched": 0,
        "violations": 0,
    }


def _records(chain: Chain) -> int:
    return int((chain.batches.end - chain.batches.start)[chain.batches.legal].sum())
