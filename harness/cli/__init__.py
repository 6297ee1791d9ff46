"""The ``fencepost`` command: its subcommands, one lazily loaded file each, and nothing else."""

from .entry import main

__all__ = ["main"]
