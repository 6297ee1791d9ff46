"""``fencepost bugs``: lists the bugs that can be planted in the reference server."""

from __future__ import annotations

import click

from .table import show


@click.command(
    epilog="\b\nExample:\n  fencepost run regular --bug ack-before-durable --faults kill --expect lost-write"
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
def command(as_json: bool) -> None:
    """List the seeded bugs: what each breaks, and the anomaly, workload, faults and conformance clause that show it."""
    from ..server.bugs import BUGS

    show(
        [
            {
                "bug": bug.name,
                "breaks": bug.breaks,
                "anomaly": bug.anomaly,
                "workload": bug.workload,
                "faults": ", ".join(bug.faults),
                "clause": bug.clause or bug.beyond,
            }
            for bug in BUGS.values()
        ],
        as_json,
    )
