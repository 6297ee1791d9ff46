"""What it means that the checker agrees with the oracle about a history."""

from __future__ import annotations

from typing import Protocol

from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.history.history import History
from fencepost.harness.verdict import CheckResult, Validity
from fencepost.testing.operations import Ack, Batch, Refused, Tail, TailMismatch, TokenMismatch, Unsatisfiable, Whole
from tests.checkers.oracle import explain
from tests.checkers.stories import Story


class Judge(Protocol):
    """Whatever judges a history."""

    def check(self, history: History) -> CheckResult:
        """See :class:`~fencepost.harness.verdict.Checker`."""
        ...


def disagreement(story: Story, judge: Judge | None = None, *, decided: bool = True) -> tuple[Validity, str | None]:
    """What the checker says, and how that is wrong (None if it is not).

    ``valid`` must be explained and ``invalid`` not. ``unknown`` must have a reason; where all is to be ``decided``, it
    is right only where nothing was observed.
    """
    explained = explain(story.ops, **story.declared) is not None
    return contradiction(story, explained, judge, decided=decided)


def contradiction(
    story: Story, explained: bool, judge: Judge | None = None, *, decided: bool = True
) -> tuple[Validity, str | None]:
    """The same where it is known whether an order explains the story."""
    result = (judge or Linearizability(minimal=False)).check(story.history)
    match result.validity:
        case Validity.VALID if not explained:
            return result.validity, "the checker says valid, but no order explains it"
        case Validity.INVALID if explained:
            names = sorted({violation.anomaly for violation in result.violations})
            return result.validity, f"the checker says invalid ({', '.join(names)}), but an order explains it"
        case Validity.INVALID if not result.violations:
            return result.validity, "the checker says invalid, but names no violation"
        case Validity.VALID if result.violations:
            return result.validity, "the checker says valid, but names a violation"
        case Validity.UNKNOWN if not result.reasons:
            return result.validity, "the checker says unknown, but not why"
        case Validity.UNKNOWN if decided and observed(story):
            return result.validity, f"the checker says unknown ({result.reasons[0]}), but that can be decided"
        case Validity.VALID | Validity.INVALID if not observed(story):
            return result.validity, "the checker decides where nothing was observed"
    return result.validity, None


def observed(story: Story) -> bool:
    """Whether any answer tells anything of the stream (a refusal does): else a history says nothing."""
    told = (Ack, Batch, Whole, Tail, Unsatisfiable, TailMismatch, TokenMismatch)
    return any(
        isinstance(op.answer, told) or op.parts or (isinstance(op.answer, Refused) and op.answer.status == 412)
        for op in story.ops
    )
