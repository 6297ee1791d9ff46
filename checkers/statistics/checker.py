"""The checker ``statistics``: never finds a violation, but says how much a verdict is worth."""

from __future__ import annotations

from typing import Any

from fencepost.harness.check_limits import CheckLimits
from fencepost.harness.history.history import History, Outcome
from fencepost.harness.verdict import Anomaly, CheckResult, Validity

from .activity import Activity
from .contention import concurrency
from .counters import COUNTERS, shortfalls, unclear_answers
from .counts import by_kind, by_stream, faults
from .latency import latencies, rates


class Statistics:
    """Counts, latencies, rates and contention of a run; ``unknown`` where no client's operation succeeded.

    ``details``, JSON-ready; all but ``closing`` is about the operations of clients:

    - ``operations``: their number. ``closing``: the number of those by which the harness closed the run.
    - ``seconds``: from their first invocation to their last end.
    - ``by_kind``: for each kind ``total``, ``ok``, ``failed``, ``indefinite``, and how often each error code
      (``codes``) and each reason of an indefinite end (``reasons``) occurred.
    - ``latency_ms``: by kind, of those that ``succeeded`` and those that were ``refused`` with an answer:
      ``count``, ``p50``, ``p90``, ``p99``, ``p99.9``, ``max`` (ms, from the intended start).
    - ``rates``: a second; ``operations``, ``by_kind``, ``records_appended``, ``records_read``; null where the
      operations took no time.
    - ``concurrency``: ``mean`` over time and ``max`` of the operations in progress.
    - ``counters``: see :data:`~.counters.COUNTERS`. ``exercises``: for each counter that the workload has a
      measure for, ``count``, ``at_least``, ``enough`` (false too where it is no counter).
    - ``by_stream``: a few numbers of each stream, of the first hundred. ``faults``: for each fault ``start``, ``heal``,
      ``failure`` (how often) and ``seconds`` in all.
    """

    name = "statistics"
    summary = "what the run did, how fast, and whether it exercised what its workload is for"
    anomalies: tuple[Anomaly, ...] = ()

    def check(self, history: History, limits: CheckLimits | None = None) -> CheckResult:
        """Count; warn of every exercise that fell short. See the class."""
        activity = Activity(history)
        counted = {row.name: row.count(activity) for row in COUNTERS}
        exercises = history.header.exercises
        reasons = _nothing(activity)
        return CheckResult(
            Validity.UNKNOWN if reasons else Validity.VALID,
            reasons=reasons,
            warnings=tuple(shortfalls(exercises, counted, unclear_answers(activity))),
            details=_details(activity, counted),
        )


def _nothing(activity: Activity) -> tuple[str, ...]:
    """Why the history shows nothing at all; empty where it shows something."""
    if not activity.clients.any():
        return ("nothing was observed: the history holds no operation of a client",)
    if not (activity.clients & (activity.history.outcome == Outcome.OK)).any():
        number = int(activity.clients.sum())
        return (f"nothing succeeded: of {number:,} operations of clients, none was answered as it asked",)
    return ()


def _details(activity: Activity, counted: dict[str, int]) -> dict[str, Any]:
    history, clients = activity.history, activity.clients
    mean, most = concurrency(history.invoked[clients], history.ended[clients])
    exercises = {
        name: {"count": counted.get(name), "at_least": at_least, "enough": counted.get(name, -1) >= at_least}
        for name, at_least in history.header.exercises.items()
    }
    return {
        "operations": int(clients.sum()),
        "closing": int(len(history) - clients.sum()),
        "seconds": round(activity.seconds, 6),
        "by_kind": by_kind(activity),
        "latency_ms": latencies(activity),
        "rates": rates(activity),
        "concurrency": {"mean": round(mean, 3), "max": most},
        "counters": counted,
        "exercises": exercises,
        "by_stream": by_stream(activity),
        "faults": faults(history),
    }
