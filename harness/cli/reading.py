"""The options of commands that read histories."""

from __future__ import annotations

import click

failures_option = click.option(
    "--failures",
    type=click.Choice(["any", "condition"]),
    default="any",
    show_default=True,
    help="What definite failures of appends are where the format does not say (s2-porcupine's): anything without "
    "effect, or for those that gave a condition, that it did not hold.",
)
"""``--failures``: values of :class:`~..history.s2_porcupine.described.Failures`, not imported to keep help quick."""
