"""What a replay has come to with beginnings that are moments of their own (:mod:`.beginnings`)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from fencepost.harness.history.history import NONE

from .beginnings import Beginning, BeginningRules
from .moments import Moments, Sort


class Begun:
    """Where answers start whose beginning is placed, and which wait until they are sure.

    Of the latter a moment is *declined*: it was chosen that it is not where a trim would have to come for it. What is
    *due* is the replay's: moments that may be placed by now, and are not.
    """

    def __init__(self, rules: BeginningRules, found: Moments) -> None:
        self._rules = rules
        numbers = {row: moment for moment, row in enumerate(found.row)}
        begins = ((moment, rules.of[found.row[moment]]) for moment, sort in enumerate(found.sort) if sort == Sort.BEGIN)
        self._of: dict[int, Beginning] = dict(begins)
        self._told_by = {numbers[one.teller]: moment for moment, one in self._of.items()}
        self._latest = {moment: rules.latest(one) for moment, one in self._of.items()}
        self._opening = {one.opening: moment for moment, one in self._of.items()}
        self._starts: dict[int, int] = {}
        self._untold: set[int] = set()
        self._declined: set[int] = set()

    def sure(self, moment: int, tail: int, trim: int) -> bool:
        """May it be here, whatever comes?"""
        return self._rules.surely(self._of[moment], tail, trim)

    def open(self, due: Iterable[int], tail: int, trim: int) -> Iterator[int]:
        """Those due and not declined that may be here if what they leave out is trimmed later on."""
        mine = (moment for moment in due if moment in self._of and moment not in self._declined) if self._of else ()
        return (moment for moment in mine if self._rules.perhaps(self._of[moment], tail, trim))

    def overdue(self, due: Iterable[int], tail: int) -> bool:
        """Has the tail passed the last one at which one that is due may be?"""
        return bool(self._of) and any(tail > self._latest[moment] for moment in due if moment in self._of)

    def explains(self, row: int, tail: int, trim: int) -> bool:
        """Does the beginning of its answer explain this part (a row), if it is the one that tells of it?"""
        one = self._rules.told_by.get(row)
        return one is None or self._rules.explains(one, self._starts[self._opening[one.opening]], tail, trim)

    def apart(self, opening: int) -> bool:
        """Has the answer with this first part (a row) a beginning of its own?"""
        return opening in self._opening

    def with_it(self, moment: int) -> tuple[int, ...]:
        """Later parts (rows) that begin where this moment is; none if it is no beginning."""
        return self._of[moment].later if moment in self._of else ()

    def place(self, moment: int, tail: int) -> None:
        """A moment is placed; if it is a beginning, its answer starts where it does at this tail."""
        if moment in self._of:
            self._starts[moment] = self._rules.start_at(self._of[moment], tail)
            self._untold.add(moment)
        elif moment in self._told_by:
            self._untold.discard(self._told_by[moment])

    def displace(self, moment: int) -> None:
        """A moment is not placed, after all."""
        if moment in self._of:
            self._untold.discard(moment)
        elif moment in self._told_by:
            self._untold.add(self._told_by[moment])

    def decline(self, moment: int) -> None:
        """It waits until it is sure."""
        self._declined.add(moment)

    def take_back(self, moment: int) -> None:
        """It does not wait, after all."""
        self._declined.discard(moment)

    def key(self, due: Container[int], trim: int) -> frozenset[tuple[int, int]]:
        """What later parts, yet to be placed, may depend on: what is declined, and where answers started."""
        if not self._of:
            return frozenset()
        waiting = ((moment, NONE) for moment in self._declined if moment in due)
        owed = ((one, self._rules.owed(self._of[one], self._starts[one], trim)) for one in self._untold)
        return frozenset((*waiting, *((one, start) for one, start in owed if start != NONE)))
