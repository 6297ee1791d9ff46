"""``fencepost runs``: lists the stored runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..store import StoredRun, stored_runs
from .table import show

_EPILOG = """\b
Examples:
  fencepost runs
  fencepost runs --json
"""


@click.command(epilog=_EPILOG)
@click.option("--results", type=click.Path(path_type=Path), default=Path("results"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
def command(results: Path, as_json: bool) -> None:
    """List the stored runs with their verdicts."""
    show([_row(run) for run in stored_runs(results)], as_json, empty=f"no runs are stored in {results}")


def _row(run: StoredRun) -> dict[str, Any]:
    checkers = (run.verdict or {}).get("checkers", {})
    violations = [violation for result in checkers.values() for violation in result.get("violations", [])]
    anomalies = sorted({violation["anomaly"] for violation in violations})
    return {
        "path": str(run.path),
        "workload": run.workload,
        "verdict": _verdict(run),
        "anomalies": ", ".join(anomalies),
    }


def _verdict(run: StoredRun) -> str:
    if not run.whole:
        return "(not finished)"
    if run.verdict is None:
        return "(none)"
    return f"{run.verdict.get('validity', '(none)')}{' (the run crashed)' if run.verdict.get('crashes') else ''}"
