"""Completes what a violation tells: every operation of its witness, and the times, which were left open until here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from fencepost.harness.history.history import History
from fencepost.harness.history.times import times_of
from fencepost.harness.verdict import Violation

from .elision import elided
from .sentences import Teller

MOST: Final = 20
"""Operations that are told one by one; of more, the middle is left out."""

_NUMBER: Final = re.compile(r'"(?:[^"\\]|\\.)*"|#(\d+)')
"""Text from outside, in quotes, or an id."""


def mentioned(sentences: Iterable[str]) -> set[int]:
    """The ids of the operations that some sentences name."""
    return {int(number) for text in sentences for number in _NUMBER.findall(text) if number}


def completed(history: History, violation: Violation) -> Violation:
    """The violation with a sentence for each operation of its witness, and beside it all others that these name.

    A witness that was made minimal may hold operations that nobody thought of when it was told. Times count from the
    first of all these operations.
    """
    known = mentioned(violation.sentences)
    others = sorted(known.difference(violation.operations, violation.context))
    beside = tuple(op for op in others if _is_there(history, op))
    context = (*violation.context, *beside)
    rows = [history.row_of(op) for op in violation.operations if op not in known]
    teller = Teller(history)
    needed = [f"Also needed: {teller.told(row, first=False)}" for row in rows]
    times = times_of(history, map(history.row_of, (*violation.operations, *context)))
    sentences = (*violation.sentences, *elided(needed, MOST))
    return replace(
        violation,
        context=context,
        sentences=tuple(times.filled(one) for one in sentences),
        edges=tuple(replace(edge, because=times.filled(edge.because)) for edge in violation.edges),
        since=times.zero,
    )


def _is_there(history: History, op: int) -> bool:
    """Whether it is the id of an operation: an error code comes from outside, and may look like one."""
    try:
        history.row_of(op)
    except KeyError:
        return False
    return True
