"""``fencepost targets``: what can be tested."""

from __future__ import annotations

import click

from .table import show


@click.command(
    epilog="\b\nExamples:\n  fencepost targets\n  fencepost run regular --target-kind mine --target-option port=9000"
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
def command(as_json: bool) -> None:
    """List the registered targets, each with its own options."""
    from ..run import TARGETS
    from ..targets.target import options_of, summary_of

    targets = {name: TARGETS.get(name) for name in TARGETS.names()}
    show(
        [
            {
                "target": name,
                "what it is": summary_of(target),
                "options": [
                    {"option": row.name, "type": row.noun, "default": row.fallback, "flag": row.flag, "help": row.help}
                    for row in options_of(target)
                ]
                if as_json
                else [f"{row.spelling} ({row.fallback}): {row.help}" for row in options_of(target)],
            }
            for name, target in targets.items()
        ],
        as_json,
    )
