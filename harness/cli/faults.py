"""``fencepost faults``: lists the faults that a run can inject."""

from __future__ import annotations

import click

from .table import show


@click.command(epilog="\b\nExample:\n  fencepost run regular --faults kill")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
def command(as_json: bool) -> None:
    """List the registered faults."""
    from ..run import FAULTS

    show([{"fault": name, "what it does": FAULTS.make(name).summary} for name in FAULTS.names()], as_json)
