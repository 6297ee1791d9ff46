"""What a violation has in common with others of its kind: its anomaly and the shape of its witness, without values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fencepost.harness.history.history import History
from fencepost.harness.verdict import Violation

from .graph import cycle_of

_STREAM: Final = ("tr", "rw", "tw", "wr", "ww")
"""Edges along the stream, the most telling first. How many there are on a path is chance: one counts."""


def signature(history: History, violation: Violation) -> str:
    """The same text for the same kind of violation, whatever the run: anomaly, operations and edges of the witness.

    Each operation tells its kind and outcome (of a failure the error code), each shape once, in the order of the
    alphabet. Of the contradiction's cycle, the kinds of the edges follow: those of the clock, and one along the stream.
    Such as ``stale-read: append ok, check-tail ok; rt, rw``.
    """
    shapes = ", ".join(sorted(set(_shapes(history, violation))))
    kinds = {edge.kind for edge in cycle_of(violation) or violation.edges}
    along = [kind for kind in _STREAM if kind in kinds][:1]
    edges = ", ".join([*sorted(kinds.difference(_STREAM)), *along])
    return f"{violation.anomaly}: {shapes}" + (f"; {edges}" if edges else "")


def _shapes(history: History, violation: Violation) -> Iterator[str]:
    for op in violation.operations:
        operation = history.operation(history.row_of(op))
        outcome = operation.outcome.name.lower()
        yield f"{operation.kind.label} {outcome}" + (f" ({operation.code})" if outcome == "failed" else "")
