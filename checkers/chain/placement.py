"""Where reads saw appends that nobody acknowledged there.

A read shows a record at a position; the record was the i-th of a batch that was sent; so the batch began i
positions before. Contents that were sent once give one answer. Contents that were sent more than once (a batch
of nothing but a command; a request that something on the way sent again) give several, and then a batch of
several equal ones must be chosen for each place: an assignment, which exists or not. Where different batches may have
put there what was read, each way to read it is followed (a *reading*), from left to right, as long as there are few.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from fencepost.harness.history.history import NONE, Int64s

from .contents import Contents
from .sent import Sent


@dataclass(slots=True)
class Sighting:
    """A batch seen to begin at ``start``: ``matched`` of its indices were read there, ``contradicted`` were not."""

    start: int
    batch: int
    matched: set[int] = field(default_factory=set)
    contradicted: set[int] = field(default_factory=set)

    @property
    def whole(self) -> bool:
        """Nothing that was read contradicts it."""
        return not self.contradicted


@dataclass(frozen=True, slots=True)
class Placement:
    """``placed`` maps rows to their sighting, by one of ``readings`` ways to read what is there.

    ``ambiguous`` is the first position at which these differ, NONE if there is one only. ``doubtful`` is a position
    from which on there were too many of them to follow, NONE if there were not: then this is a guess. So is it where
    ``unequal`` ones were assigned: appends of equal contents that asked for different things.
    """

    placed: dict[int, Sighting]
    readings: int = 1
    ambiguous: int = NONE
    doubtful: int = NONE
    unequal: bool = False

    @property
    def guessed(self) -> bool:
        """Might it be otherwise?"""
        return self.readings > 1 or self.doubtful != NONE or self.unequal


Tails = Callable[[], Int64s]
"""Tails that there were, ascending."""

Fits = Callable[[int, int], bool]
"""May this append (row) have taken effect at this start?"""

Alike = Callable[[list[int]], bool]
"""Did these appends (rows), equal in contents, ask for the same?"""


def place(
    contents: Contents, unowned: Int64s, sent: Sent, tails: Tails, fits: Fits, alike: Alike, reading: int = 0
) -> Placement:
    """Place the batches of ``sent`` at the positions that own no append (``unowned``, indices on the axis).

    ``tails`` are some that there were, the first among them: no batch begins below that, or holds another.
    ``reading`` says which of the readings to take.
    """
    surveyor = _Surveyor(contents, unowned, sent, tails, fits)
    by_batch: dict[int, list[Sighting]] = {}
    for sighting in surveyor.sightings(reading):
        by_batch.setdefault(sighting.batch, []).append(sighting)
    placed: dict[int, Sighting] = {}
    unequal = False
    for number, found in by_batch.items():
        rows = sent.batches[number].rows
        placed |= _assign(found, rows, fits)
        unequal |= len(rows) > 1 and not alike(rows)
    return Placement(placed, surveyor.readings, surveyor.ambiguous, surveyor.doubtful, unequal)


MOST: Final = 16
"""Readings that are followed."""


@dataclass(slots=True)
class _Reading:
    """What is left is read from left to right: ``chosen`` so far, ``free`` positions, rows ``used`` of each batch."""

    chosen: list[Sighting]
    free: set[int]
    used: Counter[int]

    def fork(self) -> _Reading:
        """Another that begins as this one does."""
        return _Reading(list(self.chosen), set(self.free), Counter(self.used))

    def with_(self, option: Sighting) -> _Reading:
        """Itself, one sighting longer."""
        self.chosen.append(option)
        self.free.difference_update(option.start + index for index in option.matched)
        self.used[option.batch] += 1
        return self


class _Surveyor:
    """Finds the sightings."""

    def __init__(self, contents: Contents, unowned: Int64s, sent: Sent, tails: Tails, fits: Fits) -> None:
        self._contents = contents
        self._tails = tails
        self._fits = fits
        self._sent = sent
        self._free = dict(
            zip(contents.axis.positions(unowned).tolist(), contents.digest[unowned].tolist(), strict=True)
        )
        self.readings = 1
        self.ambiguous = NONE
        self.doubtful = NONE

    def sightings(self, reading: int) -> list[Sighting]:
        """All of them, ascending by start: first those of which one record tells, then what is left."""
        found: dict[tuple[int, int], Sighting] = {}
        for position, digest in self._free.items():
            places = self._sent.places.get(digest, ())
            if len(places) == 1:
                number, index = places[0]
                key = position - index, number
                if key not in found:
                    found[key] = self._sighting(*key)
        explained = {sighting.start + index for sighting in found.values() for index in sighting.matched}
        left = [position for position in self._free if position not in explained]
        for sighting in self._read(left, list(found.values()), reading) or self._guessed(left, explained):
            found[sighting.start, sighting.batch] = sighting
        return sorted(found.values(), key=lambda sighting: (sighting.start, sighting.batch))

    def _read(self, left: list[int], found: list[Sighting], reading: int) -> list[Sighting] | None:
        """One of the ways in which what is left can be read as whole batches; None if there is none, or too many."""
        followed = [_Reading([], set(left), Counter(sighting.batch for sighting in found))]
        for position in left:
            followed = [longer for one in followed for longer in self._longer(one, position)]
            if len(followed) > MOST:
                self.doubtful = position
                return None
        if not followed:
            return None
        self.readings = len(followed)
        chosen = [{(sighting.start, sighting.batch) for sighting in one.chosen} for one in followed]
        apart = set[tuple[int, int]]().union(*chosen) - chosen[0].intersection(*chosen)
        self.ambiguous = min((start for start, _ in apart), default=NONE)
        return followed[reading].chosen

    def _longer(self, one: _Reading, position: int) -> list[_Reading]:
        """The readings that follow from one by explaining the next position."""
        if position not in one.free:
            return [one]
        options = [option for option in self._options(position, one.free, one.used) if option.whole]
        if len(options) == 1:
            return [one.with_(options[0])]
        return [one.fork().with_(option) for option in options]

    def _guessed(self, left: list[int], explained: set[int]) -> list[Sighting]:
        """From left to right, what agrees best."""
        guessed, free = [], set(left) - explained
        for position in left:
            if position not in free:
                continue
            options = self._options(position, free, Counter())
            options.sort(key=lambda option: (len(option.contradicted), -len(option.matched), option.batch))
            if options:
                guessed.append(options[0])
                free.difference_update(options[0].start + index for index in options[0].matched)
        return guessed

    def _options(self, position: int, free: set[int], used: Counter[int]) -> list[Sighting]:
        """The batches that may have put there what was read at a position: not yet used up, of free positions only."""
        options = []
        for number, index in self._sent.places.get(self._free[position], ()):
            rows = self._sent.batches[number].rows
            if used[number] >= len(rows):
                continue
            option = self._sighting(position - index, number)
            taken = {option.start + i for i in option.matched}
            fitting = option.contradicted or any(self._fits(row, option.start) for row in rows)
            if position in taken and taken <= free and fitting and self._possible(option):
                options.append(option)
        return options

    def _possible(self, sighting: Sighting) -> bool:
        """No tail was observed inside it, and the stream had begun."""
        tails, size = self._tails(), len(self._sent.batches[sighting.batch].digests)
        inside = np.searchsorted(tails, sighting.start, side="right")
        return bool(sighting.start >= tails[0] and (inside == len(tails) or tails[inside] >= sighting.start + size))

    def _sighting(self, start: int, number: int) -> Sighting:
        sighting = Sighting(start, number)
        digests = self._sent.batches[number].digests
        at, inside = self._contents.axis.find(np.arange(start, start + len(digests)))
        for index, digest in enumerate(digests):
            if self._free.get(start + index) == digest:
                sighting.matched.add(index)
            elif inside[index] and (self._contents.seen[at[index]] or self._contents.owner[at[index]] != NONE):
                sighting.contradicted.add(index)
        return sighting


def _assign(found: list[Sighting], rows: list[int], fits: Fits) -> dict[int, Sighting]:
    """Equal batches to the places where they were seen: one each, whole sightings first, as many as possible.

    The rows ascend in time and the places in the stream, and what may not be placed low may be placed high: so
    where no condition interferes, the first row to the first place is right. Conditions are honoured by
    augmenting paths (maximum bipartite matching); a place that fits no row takes any row that is left.
    """
    places = sorted(found, key=lambda sighting: (len(sighting.contradicted), sighting.start))[: len(rows)]
    places.sort(key=lambda sighting: sighting.start)
    if len(rows) == 1:
        return {rows[0]: places[0]}
    holder: dict[int, int] = {}

    def augment(place: int, tried: set[int]) -> bool:
        suited = [row for row in rows if row not in tried and fits(row, places[place].start)]
        for row in sorted(suited, key=lambda row: row in holder):
            tried.add(row)
            if row not in holder or augment(holder[row], tried):
                holder[row] = place
                return True
        return False

    missing = [place for place in range(len(places)) if not augment(place, set())]
    left = [row for row in rows if row not in holder]
    holder |= dict(zip(left, missing, strict=False))
    return {row: places[place] for row, place in holder.items()}
