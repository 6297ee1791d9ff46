"""How a claim fails before the kernel."""

from __future__ import annotations

from typing import NoReturn

from fencepost.harness.history import describe
from fencepost.harness.history.history import History


class Refuted(Exception):
    """A claim does not hold; the text says which, and names the operation."""


def refute(history: History, row: int, why: str) -> NoReturn:
    """The claim that fails is about this row."""
    raise Refuted(f"{describe.name(history.operation(int(row)))} {why}")
