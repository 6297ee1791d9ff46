"""What it means that the checker agrees with the oracle about a history."""

from __future__ import annotations

from typing import Protocol

from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.history.history import History
from fencepost.harness.verdict import CheckResult, Validity
from tests.checkers.operations import Ack, Batch, Lost, Tail
from tests.checkers.oracle import explain
from tests.checkers.random_histories import Story, is_closed


class Judge(Protocol):
    """Whatever judges a history."""

    def check(self, history: History) -> CheckResult:
        """See :class:`~fencepost.harness.verdict.Checker`."""
        ...


def disagreement(story: Story, judge: Judge | None = None) -> tuple[Validity, str | None]:
    """What the checker says, and how that is wrong (None if it is not).

    ``valid`` must be explained and ``invalid`` not. ``unknown`` is right only where something is unresolved: an append
    that nobody knows the end of and no closing read looked for, or an unknown first token; or where nothing succeeded.
    """
    result = (judge or Linearizability()).check(story.history)
    explained = explain(story.ops, story.tail, story.token, unique=story.unique) is not None
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
        case Validity.UNKNOWN if not may_be_unknown(story):
            return result.validity, f"the checker says unknown ({result.reasons[0]}), but everything is determined"
    return result.validity, None


def may_be_unknown(story: Story) -> bool:
    """Whether a checker without search has any excuse.

    That is: nothing succeeded; or there are lost appends, or the first token is not known, and no closing read tells
    what became of them (one that ends among records of unknown size does not, see :func:`is_closed`); or a lost trim
    was read nowhere.
    """
    if not any(isinstance(op.answer, Ack | Batch | Tail) for op in story.ops):
        return True
    lost = [op for op in story.ops if op.kind == "append" and isinstance(op.answer, Lost)]
    unseen_trim = any(rec.trim is not None for op in lost for rec in op.records)
    if is_closed(story.ops, story.tail) and not unseen_trim:
        return False
    return story.token is None or bool(lost)
