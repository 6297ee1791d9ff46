"""``fencepost workloads``: lists what clients can do."""

from __future__ import annotations

import click

from .table import show


@click.command(epilog="\b\nExample:\n  fencepost workloads --json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
def command(as_json: bool) -> None:
    """List the registered workloads and what a run of each must exercise to mean anything."""
    from ..run import WORKLOADS

    workloads = {name: WORKLOADS.make(name) for name in WORKLOADS.names()}
    show(
        [
            {
                "workload": name,
                "what clients do": workload.summary,
                "exercises": ", ".join(f"{e.counter} ≥ {e.at_least}" for e in workload.exercises),
            }
            for name, workload in workloads.items()
        ],
        as_json,
    )
