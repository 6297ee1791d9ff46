"""Latencies and rates of a run."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from fencepost.harness.history.history import FOREVER, Kind, Outcome

from .activity import Activity, Bools

QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1.0}


def latencies(activity: Activity) -> dict[str, dict[str, dict[str, float]]]:
    """Quantiles in ms, by kind, of those that ``succeeded`` and those that were ``refused`` (an error answered).

    Counted from the intended start, so that an open-loop run whose clients fell behind cannot hide it.
    """
    history = activity.history
    ended = {"succeeded": activity.clients & (history.outcome == Outcome.OK), "refused": activity.refused}
    found: dict[str, dict[str, dict[str, float]]] = {}
    for kind in Kind:
        for name, mask in ended.items():
            rows = np.flatnonzero(mask & (history.kind == kind))
            if len(rows):
                milliseconds = (history.ended[rows] - history.intended[rows]) / 1e6
                values = np.quantile(milliseconds, list(QUANTILES.values()), method="inverted_cdf")
                quantiles = {name: round(float(value), 6) for name, value in zip(QUANTILES, values, strict=True)}
                found.setdefault(kind.label, {})[name] = {"count": len(rows), **quantiles}
    return found


def rates(activity: Activity) -> dict[str, Any]:
    """A second, of client operations that ended: of all, of each kind, and of acknowledged and read records."""
    seconds = activity.seconds
    ended = activity.clients & (activity.history.ended != FOREVER)

    def rate(number: int) -> float | None:
        return round(number / seconds, 3) if seconds else None

    def ended_of(kind: Kind) -> Bools:
        return np.asarray(ended & (activity.history.kind == kind))

    return {
        "operations": rate(int(ended.sum())),
        "by_kind": {kind.label: rate(int(ended_of(kind).sum())) for kind in Kind},
        "records_appended": rate(int(activity.appended[activity.acknowledged].sum())),
        "records_read": rate(int(activity.read[activity.answered_reads].sum())),
    }
