"""The checker: every stream is judged alone, and the judgements are composed into one result."""

from __future__ import annotations

from functools import partial
from typing import Any

from fencepost.harness.check_limits import CheckLimits
from fencepost.harness.history.history import NONE, OK, History
from fencepost.harness.verdict import Anomaly, CheckResult, Explained, Validity, Violation

from ..anomalies import anomalies
from ..certificate.proofs import LinearizabilityCertificate
from ..stream import streams
from .judging import judge
from .many import judge_all
from .time_left import begun


class Linearizability:
    """Judges a history against the promises of a stream, by its operations alone.

    ``minimal`` witnesses are tried for: without, they are as they were constructed, and the verdict is the same.
    """

    name = "linearizability"
    summary = "every stream behaves as one log: the chain of appends, conditions, real time, and what reads return"

    def __init__(self, minimal: bool = True) -> None:
        self._minimal = minimal

    @property
    def anomalies(self) -> tuple[Anomaly, ...]:
        """The table of what can be found."""
        return anomalies()

    def check(self, history: History, limits: CheckLimits | None = None) -> CheckResult:
        """See :class:`~fencepost.harness.verdict.Checker`."""
        limits = begun(limits or CheckLimits())
        violations: list[Violation] = []
        reasons: list[str] = []
        warnings: list[str] = []
        details: dict[str, Any] = {}
        explained: list[Explained] = []
        claims = []
        judging = partial(judge, minimally=self._minimal)
        for stream, judged in judge_all(list(streams(history)), judging, limits):
            violations += judged.violations
            reasons += judged.reasons
            details[stream.name] = judged.details
            claims.append(judged.claim)
            explained += [judged.explained] if judged.explained is not None else []
            for kind, number in judged.details.get("violations-not-told", {}).items():
                warnings.append(f"stream {stream.name}: {number:,} more like this are not told: {kind}")
            if not judged.details.get("violations-complete", True):
                warnings.append(f"stream {stream.name}: more is wrong than was looked for; the number is a lower bound")
        decided = len(reasons)
        if not _observed(history):
            reasons.append("nothing was observed" if len(history) else "the history is empty")
        if not history.whole:
            warnings.append("the journal has no end mark: what was pending counts as indefinite")
        refuted = any(claim.validity == Validity.INVALID for claim in claims)
        validity = Validity.INVALID if refuted else Validity.UNKNOWN if reasons else Validity.VALID
        certificate = LinearizabilityCertificate(history, claims, reasons[decided:])
        return CheckResult(
            validity,
            tuple(violations),
            tuple(reasons),
            tuple(warnings),
            {"streams": details},
            certificate,
            tuple(explained),
        )


def _observed(history: History) -> bool:
    """Did any answer tell anything of a stream? A refusal does: it is a read of the tail or of the token."""
    told = (history.seq_num_mismatch != NONE) | (history.token_mismatch != NONE) | (history.observed_tail != NONE)
    return bool((told | (history.status == 412) | (history.outcome == OK)).any())
