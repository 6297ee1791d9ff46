"""Where reads saw appends that nobody acknowledged there.

A read shows a record at a position; the record was the i-th of a batch that was sent; so the batch began i
positions before. Contents that were sent once give one answer. Contents that were sent more than once (a batch
of nothing but a command; a request that something on the way sent again) give several, and then a batch of
several equal ones must be chosen for each place: an assignment, which exists or not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

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
    """``placed`` maps rows to their sighting; ``excess`` are sightings for which no append is left.

    ``doubtful`` are positions whose records can be read as different batches; ``explained`` the indices (on
    the axis of the contents) that the placed ones account for.
    """

    placed: dict[int, Sighting]
    excess: list[Sighting]
    doubtful: list[int]
    explained: set[int]


Tails = Callable[[], Int64s]
"""Exact tails, ascending."""

Fits = Callable[[int, int], bool]
"""May this append (row) have taken effect at this start?"""


def place(contents: Contents, unowned: Int64s, sent: Sent, tails: Tails, fits: Fits) -> Placement:
    """Place the batches of ``sent`` at the positions that own no append (``unowned``, indices on the axis).

    ``tails`` are exact ones that were observed, the first among them: no batch begins below that, or holds another.
    """
    surveyor = _Surveyor(contents, unowned, sent, tails)
    sightings = surveyor.sightings()
    by_batch: dict[int, list[Sighting]] = {}
    for sighting in sightings:
        by_batch.setdefault(sighting.batch, []).append(sighting)
    placed: dict[int, Sighting] = {}
    excess: list[Sighting] = []
    for number, found in by_batch.items():
        chosen, rest = _assign(found, sent.batches[number].rows, fits)
        placed |= chosen
        excess += rest
    explained = {index for sighting in placed.values() for index in surveyor.indices(sighting.start, sighting.matched)}
    return Placement(placed, excess, surveyor.doubtful, explained)


class _Surveyor:
    """Finds the sightings."""

    def __init__(self, contents: Contents, unowned: Int64s, sent: Sent, tails: Tails) -> None:
        self._contents = contents
        self._tails = tails
        self._sent = sent
        self._free = dict(
            zip(contents.axis.positions(unowned).tolist(), contents.digest[unowned].tolist(), strict=True)
        )
        self.doubtful: list[int] = []

    def sightings(self) -> list[Sighting]:
        """All of them, ascending by start."""
        found: dict[tuple[int, int], Sighting] = {}
        for position, digest in self._free.items():
            places = self._sent.places.get(digest, ())
            if len(places) == 1:
                number, index = places[0]
                key = position - index, number
                if key not in found:
                    found[key] = self._sighting(*key)
        explained = {sighting.start + index for sighting in found.values() for index in sighting.matched}
        for position, digest in self._free.items():
            if position not in explained:
                best = self._best(position, self._sent.places.get(digest, ()), explained)
                if best is not None:
                    found[best.start, best.batch] = best
                    explained |= {best.start + index for index in best.matched}
        return sorted(found.values(), key=lambda sighting: (sighting.start, sighting.batch))

    def indices(self, start: int, matched: set[int]) -> list[int]:
        """On the axis, of the members ``matched`` of a batch at ``start``."""
        positions = np.array(sorted(start + index for index in matched), dtype=np.int64)
        return [int(i) for i in self._contents.axis.index(positions)]

    def _best(self, position: int, places: list[tuple[int, int]] | tuple[()], explained: set[int]) -> Sighting | None:
        options = []
        for number, index in places:
            sighting = self._sighting(position - index, number)
            if (
                self._possible(sighting)
                and index in sighting.matched
                and not explained & {sighting.start + i for i in sighting.matched}
            ):
                options.append(sighting)
        if not options:
            return None
        options.sort(key=lambda option: (len(option.contradicted), -len(option.matched), option.batch))
        if len(options) > 1 and len(options[0].contradicted) == len(options[1].contradicted):
            self.doubtful.append(position)
        return options[0]

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


def _assign(found: list[Sighting], rows: list[int], fits: Fits) -> tuple[dict[int, Sighting], list[Sighting]]:
    """Equal batches to the places where they were seen: one each, whole sightings first, as many as possible.

    The rows ascend in time and the places in the stream, and what may not be placed low may be placed high: so
    where no condition interferes, the first row to the first place is right. Conditions are honoured by
    augmenting paths (maximum bipartite matching); a place that fits no row takes any row that is left.
    """
    places = sorted(found, key=lambda sighting: (len(sighting.contradicted), sighting.start))[: len(rows)]
    places.sort(key=lambda sighting: sighting.start)
    chosen = {id(place) for place in places}
    rest = [sighting for sighting in found if id(sighting) not in chosen]
    if len(rows) == 1:
        return {rows[0]: places[0]}, rest
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
    return {row: places[place] for row, place in holder.items()}, rest
