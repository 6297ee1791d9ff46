"""What is said of a stream that the fast acceptance declined. Loading it takes as long as judging a small history."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from fencepost.harness.check_limits import Budget, CheckLimits
from fencepost.harness.verdict import Violation

from ..certificate.proofs import Deferred
from ..chain.chain import Chain
from ..chain.stream import Stream
from ..explanation.minimal import minimal
from ..judgement import Judgement
from .judged import Judged
from .judging import judge
from .proving import proof

_SMALL: Final = Budget(states=10_000, seconds=1.0, bytes=1 << 26)
"""For what is left of a history when all but a witness is relaxed."""


def declined(stream: Stream, limits: CheckLimits, minimally: bool) -> Judged:
    """Judge it with everything that there is; with minimal witnesses, if these are to be tried for."""
    judgement = judge(stream, limits)
    found = judgement.findings.violations()
    if minimally:
        found = minimal(stream, found, _contradicts_itself)
    proven = Deferred(partial(proof, judgement, found, limits))
    return Judged(_details(judgement, found), proven, found, tuple(judgement.reasons))


def _contradicts_itself(stream: Stream) -> bool:
    return judge(stream, CheckLimits(_SMALL)).findings.any


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


def _records(chain: Chain) -> int:
    return int((chain.batches.end - chain.batches.start)[chain.batches.legal].sum())
