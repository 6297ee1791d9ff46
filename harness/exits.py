"""The exit codes of the commands."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit code of every command. Composed over several runs: crash > invalid > unknown > valid."""

    VALID = 0
    INVALID = 1
    UNKNOWN = 2
    USAGE = 254
    CRASH = 255


_GRAVITY = (ExitCode.VALID, ExitCode.UNKNOWN, ExitCode.INVALID, ExitCode.USAGE, ExitCode.CRASH)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the worst code: crash > usage > invalid > unknown > valid. No code at all is unknown."""
    return max(codes, key=_GRAVITY.index, default=ExitCode.UNKNOWN)
