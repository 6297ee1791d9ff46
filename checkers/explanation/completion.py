"""Makes a violation's sentences tell every operation of its witness."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from fencepost.harness.history.history import History
from fencepost.harness.verdict import Violation

from .elision import elided
from .sentences import Teller

MOST: Final = 20
"""Operations that are told one by one; of more, the middle is left out."""

_NUMBER: Final = re.compile(r"#(\d+)")


def mentioned(sentences: Iterable[str]) -> set[int]:
    """The ids of the operations that some sentences name."""
    return {int(number) for text in sentences for number in _NUMBER.findall(text)}


def completed(history: History, violation: Violation) -> Violation:
    """The violation with a sentence for each operation of its witness, and beside it all others that these name.

    A witness that was made minimal may hold operations that nobody thought of when it was told.
    """
    known = mentioned(violation.sentences)
    beside = tuple(sorted(known.difference(violation.operations, violation.context)))
    violation = replace(violation, context=(*violation.context, *beside))
    rows = [history.row_of(op) for op in violation.operations if op not in known]
    if not rows:
        return violation
    teller = Teller(history, rows, violation.since)
    needed = [f"Also needed: {teller.told(row, first=False)}" for row in rows]
    return replace(violation, sentences=(*violation.sentences, *elided(needed, MOST)))
