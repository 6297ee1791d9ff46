"""What it means that the checker agrees with the oracle about a history."""

from __future__ import annotations

from typing import Protocol

from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.history.history import History
from fencepost.harness.verdict import CheckResult, Validity
from tests.checkers.operations import Ack, Batch, Lost, Tail, Whole
from tests.checkers.oracle import explain
from tests.checkers.random_histories import Story, is_closed


class Judge(Protocol):
    """Whatever judges a history."""

    def check(self, history: History) -> CheckResult:
        """See :class:`~fencepost.harness.verdict.Checker`."""
        ...


def disagreement(story: Story, judge: Judge | None = None, *, decided: bool = False) -> tuple[Validity, str | None]:
    """What the checker says, and how that is wrong (None if it is not).

    ``valid`` must be explained and ``invalid`` not. ``unknown`` is right only where something is unresolved (see
    :func:`may_be_unknown`); where all is to be ``decided``, only where nothing succeeded.
    """
    explained = explain(story.ops, story.tail, story.token, unique=story.unique) is not None
    return contradiction(story, explained, judge, decided=decided)


def contradiction(
    story: Story, explained: bool, judge: Judge | None = None, *, decided: bool = False
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
        case Validity.UNKNOWN if succeeded(story) and (decided or not may_be_unknown(story)):
            return result.validity, f"the checker says unknown ({result.reasons[0]}), but everything is determined"
    return result.validity, None


def succeeded(story: Story) -> bool:
    """Whether anything did: else a history says nothing."""
    return any(isinstance(op.answer, Ack | Batch | Whole | Tail) or op.parts for op in story.ops)


def may_be_unknown(story: Story) -> bool:
    """Whether a checker without search has any excuse.

    That is: there are lost appends, or the first token is not known, and no closing read tells what became of them
    (one that ends among records of unknown size does not, see :func:`is_closed`); or a lost trim was read nowhere.
    """
    lost = [op for op in story.ops if op.kind == "append" and isinstance(op.answer, Lost)]
    unseen_trim = any(rec.trim is not None for op in lost for rec in op.records)
    if is_closed(story.ops, story.tail) and not unseen_trim:
        return False
    return story.token is None or bool(lost)
