"""fencepost: a Jepsen-style correctness test harness for durable streams with conditional appends.

This module is the public API: what a workload, checker, plot, target or fault of your own imports. A name is resolved
when it is first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .harness.allowance import Allowance as Allowance
    from .harness.allowance import Budget as Budget
    from .harness.client.http import HttpStreamClient as HttpStreamClient
    from .harness.client.outcome import Definite as Definite
    from .harness.client.outcome import Indefinite as Indefinite
    from .harness.client.outcome import Ok as Ok
    from .harness.client.outcome import Outcome as Outcome
    from .harness.client.protocol import StreamClient as StreamClient
    from .harness.failure import UsageFailure as UsageFailure
    from .harness.history.events import StreamState as StreamState
    from .harness.history.history import History as History
    from .harness.history.history import Kind as Kind
    from .harness.history.history import Operation as Operation
    from .harness.history.reader import read_history as read_history
    from .harness.judge import judge as judge
    from .harness.nemesis.fault import Fault as Fault
    from .harness.nemesis.fault import Period as Period
    from .harness.options import RunOptions as RunOptions
    from .harness.reporter import Reporter as Reporter
    from .harness.run import RunResult as RunResult
    from .harness.run import execute as execute
    from .harness.s2 import Ack as Ack
    from .harness.s2 import Append as Append
    from .harness.s2 import Batch as Batch
    from .harness.s2 import CheckTail as CheckTail
    from .harness.s2 import Position as Position
    from .harness.s2 import Read as Read
    from .harness.s2 import Record as Record
    from .harness.s2 import SequencedRecord as SequencedRecord
    from .harness.s2 import Tail as Tail
    from .harness.targets.target import Target as Target
    from .harness.targets.target import TargetFailure as TargetFailure
    from .harness.targets.target import TargetOptions as TargetOptions
    from .harness.verdict import Anomaly as Anomaly
    from .harness.verdict import Checker as Checker
    from .harness.verdict import CheckResult as CheckResult
    from .harness.verdict import Edge as Edge
    from .harness.verdict import Plot as Plot
    from .harness.verdict import Severity as Severity
    from .harness.verdict import Validity as Validity
    from .harness.verdict import Verdict as Verdict
    from .harness.verdict import Violation as Violation
    from .harness.workload import PENDING as PENDING
    from .harness.workload import Completion as Completion
    from .harness.workload import Context as Context
    from .harness.workload import Exercise as Exercise
    from .harness.workload import Generator as Generator
    from .harness.workload import Invocation as Invocation
    from .harness.workload import Pending as Pending
    from .harness.workload import Workload as Workload
    from .harness.workload import WorkloadOptions as WorkloadOptions

_HOMES = {
    "allowance": ["Allowance", "Budget"],
    "client.http": ["HttpStreamClient"],
    "client.outcome": ["Definite", "Indefinite", "Ok", "Outcome"],
    "client.protocol": ["StreamClient"],
    "failure": ["UsageFailure"],
    "history.events": ["StreamState"],
    "history.history": ["History", "Kind", "Operation"],
    "history.reader": ["read_history"],
    "judge": ["judge"],
    "nemesis.fault": ["Fault", "Period"],
    "options": ["RunOptions"],
    "reporter": ["Reporter"],
    "run": ["RunResult", "execute"],
    "s2": ["Ack", "Append", "Batch", "CheckTail", "Position", "Read", "Record", "SequencedRecord", "Tail"],
    "targets.target": ["Target", "TargetFailure", "TargetOptions"],
    "verdict": [
        "Anomaly",
        "CheckResult",
        "Checker",
        "Edge",
        "Plot",
        "Severity",
        "Validity",
        "Verdict",
        "Violation",
    ],
    "workload": [
        "PENDING",
        "Completion",
        "Context",
        "Exercise",
        "Generator",
        "Invocation",
        "Pending",
        "Workload",
        "WorkloadOptions",
    ],
}
_HOME_OF = {name: f"fencepost.harness.{module}" for module, names in _HOMES.items() for name in names}

__all__ = [*_HOME_OF, "__version__"]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    """The public name's value (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        return version("fencepost")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'fencepost' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
