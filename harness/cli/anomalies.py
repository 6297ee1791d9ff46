"""``fencepost anomalies``: lists the anomalies that can be found."""

from __future__ import annotations

import click

from .table import show


@click.command(epilog="\b\nExample:\n  fencepost run fenced --bug stale-fence-cache --expect stale-token-write")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
def command(as_json: bool) -> None:
    """List the anomalies that the registered checkers can find."""
    from ..judge import anomalies

    show(
        [
            {
                "anomaly": anomaly.name,
                "severity": str(anomaly.severity),
                "definition": anomaly.definition,
                "rule": anomaly.rule,
                "promise": anomaly.promise,
            }
            for anomaly in anomalies()
        ],
        as_json,
    )
