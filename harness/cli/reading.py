"""Options of commands that read histories."""

from __future__ import annotations

import click

failures_option = click.option(
    "--failures",
    type=click.Choice(["any", "condition"]),
    default="any",
    show_default=True,
    help="What a definite failure of an append means where the format does not say (s2-porcupine's): any failure "
    "without effect, or, of an append with a condition, that the condition did not hold.",
)
"""``--failures``: values of :class:`~..history.s2_porcupine.described.Failures`, not imported to keep help quick."""
