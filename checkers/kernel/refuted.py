"""How a claim fails before the kernel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from fencepost.harness.history import describe
from fencepost.harness.history.history import NONE, History


class Refuted(Exception):
    """A claim does not hold; the text says which, and names the operation, which is that of ``row`` (or of NONE).

    ``place`` is the number of moments of an order that were replayed before it, NONE where none was replayed. It fails
    for the rows ``more`` as well.
    """

    def __init__(self, why: str, row: int = NONE, place: int = NONE, more: Iterable[int] = ()) -> None:
        super().__init__(why)
        self.row = row
        self.place = place
        self.more = tuple(dict.fromkeys(int(one) for one in more if one != row))


def refute(history: History, row: int, why: str, place: int = NONE, more: Iterable[int] = ()) -> NoReturn:
    """The claim that fails is about this row, at this place of an order, and about ``more`` rows."""
    raise Refuted(f"{describe.name(history.operation(int(row)))} {why}", int(row), place, more)
