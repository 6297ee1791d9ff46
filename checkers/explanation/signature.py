"""What a violation has in common with others of its kind: its anomaly and the shape of its witness, without values."""

from __future__ import annotations

from collections.abc import Iterator

from fencepost.harness.history.history import History
from fencepost.harness.verdict import Violation


def signature(history: History, violation: Violation) -> str:
    """The same text for the same kind of violation, whatever the run: anomaly, operations and edges of the witness.

    Each operation tells its kind and outcome (of a failure the error code), in the order of the witness; the kinds of
    the edges follow in the order of the proof, each once. Such as ``stale-read: append ok, check-tail ok; rw, rt``.
    """
    shapes = ", ".join(dict.fromkeys(_shapes(history, violation)))
    edges = ", ".join(dict.fromkeys(edge.kind for edge in violation.edges))
    return f"{violation.anomaly}: {shapes}" + (f"; {edges}" if edges else "")


def _shapes(history: History, violation: Violation) -> Iterator[str]:
    for op in violation.operations:
        operation = history.operation(history.row_of(op))
        outcome = operation.outcome.name.lower()
        yield f"{operation.kind.label} {outcome}" + (f" ({operation.code})" if outcome == "failed" else "")
