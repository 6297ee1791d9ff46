"""Options that bound what a search may cost, for every command that judges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import click

from ..check_limits import SEARCH_BYTES, SEARCH_SECONDS, SEARCH_STATES, Budget
from ..failure import UsageFailure

_MIB: Final = 2**20

HELP: Final = "where the history leaves open who wrote what; beyond it the verdict is unknown"


def budgeted(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets their values as ``search_seconds``, ``_states`` and ``_memory``."""
    for option in (
        click.option(
            "--search-memory",
            type=int,
            default=SEARCH_BYTES // _MIB,
            show_default=True,
            help=f"MiB of memory that searches may use in all {HELP}.",
        ),
        click.option(
            "--search-states",
            type=int,
            default=SEARCH_STATES,
            show_default=True,
            help=f"States that the search of a stream may enter {HELP}.",
        ),
        click.option(
            "--search-seconds",
            type=float,
            default=SEARCH_SECONDS,
            show_default=True,
            help=f"Seconds that searches may take in all {HELP}.",
        ),
    ):
        command = option(command)
    return command


def budget_of(given: dict[str, Any]) -> Budget:
    """Take the options out of a command's arguments as a budget. Raises UsageFailure for a value out of range."""
    seconds, states, memory = (given.pop(f"search_{name}") for name in ("seconds", "states", "memory"))
    for name, value in (("seconds", seconds), ("states", states), ("memory", memory)):
        if not 0 < value < 2**53:
            raise UsageFailure(f"--search-{name} {value:g}: must be greater than 0")
    return Budget(states=states, seconds=seconds, bytes=memory * _MIB)
