"""The operation that no order got past, and why it was refused at each tail at which it could have stood.

Nothing rests on this: a search has tried all orders before, and what is said here explains that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np

from fencepost.harness.history import describe
from fencepost.harness.history.history import FOREVER, NONE, Int64s

from ..explanation.claims import Claimed, Claims, Said
from ..explanation.elision import elided
from ..explanation.sentences import joined
from ..kernel import log as logs
from ..kernel import spec
from ..kernel.answers import exacts
from ..kernel.columns import Mask, Requirements, listed
from ..kernel.contradiction import described
from ..kernel.exhaust import Furthest

MOST: Final = 6
"""Stretches of tails that are told one by one; of more, the middle is left out."""

MOST_DUE: Final = 20
"""Operations that are looked at, one of which is the tightest."""


@dataclass(frozen=True, slots=True)
class Tightest:
    """The tightest operation of a search, by its ``moment``, whose row is ``row``.

    ``places`` are the tails at which it could have stood in the order that got furthest, each with what
    :func:`.spec.step` says of it there. ``nowhere`` says whether no order had a place for it; if not, that order ends
    before it. ``needs`` is the tail that it names, NONE if it names none. If it was not due there, ``behind`` is the
    row of the operation that has to come before it. Where it was right at the end of that order, ``lost`` says which
    operation has no place after it; None if none is known.
    """

    moment: int
    row: int
    places: tuple[tuple[int, int], ...]
    nowhere: bool
    needs: int
    behind: int = NONE
    lost: Claimed | None = None

    @property
    def said(self) -> Said:
        """What it is, and why each place was refused."""
        what = (Claims.NO_PLACE if self.nowhere else Claims.ENDS_BEFORE)(self.row)
        named: Said = (", ", Claims.NAMES_TAIL(self.row, tail=self.needs)) if self.needs != NONE else ()
        reasons = elided(list(self._refusals()), MOST, lambda left_out: (Claims.ELIDED(count=left_out),))
        return (what, *named, ": ", *joined(reasons, "; "))

    def last(self, asked: Requirements) -> str:
        """What was wrong at the end of that order."""
        name = described(asked, self.moment)
        if not self.places:
            return f"{name} comes after {describe.name(asked.history.operation(self.behind))}"
        why = self.places[-1][1]
        return f"{name} {spec.REASONS[why] if why != spec.RIGHT else 'is right, but no order goes on from there'}"

    def _refusals(self) -> Iterator[Said]:
        """Why it was refused, for each stretch of tails with the same reason; not why below the tail that it names."""
        if self.behind != NONE:
            yield (Claims.COMES_FIRST(self.behind),)
        for why, group in groupby(self.places, key=lambda place: place[1]):
            tails = [tail for tail, _ in group if tail >= self.needs or why not in (spec.START, spec.OTHER_TAIL)]
            if tails:
                yield self._refused(why, (tails[0], tails[-1]))
        if self.places and (last := self.places[-1][0]) < self.needs:
            yield (Claims.NONE_GOES_ON(tail=last, needs=self.needs),)

    def _refused(self, why: int, tails: tuple[int, int]) -> Said:
        if why != spec.RIGHT:
            return (Claims.REFUSED_AT(self.row, tails=tails, rule=spec.RULES[why]),)
        lost = self.lost if tails[1] == self.places[-1][0] else None
        return (Claims.RIGHT_AT(self.row, tails=tails), ", but ", lost or Claims.NO_WAY_ON())


def tightest(asked: Requirements, rows: Int64s, furthest: Furthest) -> Tightest | None:
    """The tightest operation of a stream, whose rows are ``rows``, by how far a search got; None if none was due.

    Among the operations that were due at the end of the longest order it is one that had no place in any, and was not
    right anywhere in this one, if there is any; of several the one that returned first.
    """
    nowhere, returned = set(furthest.nowhere.tolist()), asked.asked.returned
    due = _due(asked, furthest.order.moments)
    first = sorted(due, key=lambda m: (m not in nowhere, int(returned[m])))[:MOST_DUE]
    found = _places(asked, rows, furthest, {m: due[m] for m in first})
    if not found:
        return None
    m = min(first, key=lambda m: (m not in nowhere, any(why == spec.RIGHT for _, why in found[m])))
    columns = asked.asked
    end, why = found[m][-1]
    waiting = [w for w in furthest.nowhere.tolist() if columns.at[w] == end and columns.ask[w] in spec.EXACT]
    leaves = why == spec.RIGHT and columns.ask[m] == spec.APPEND
    if leaves and waiting and _before(asked, waiting[0])[m]:  # the tail is not left before it was told
        w = waiting[0]
        return Tightest(w, int(columns.row[w]), (), True, end, int(columns.row[m]))
    needs = int(columns.at[m]) if columns.ask[m] in (spec.APPEND, *spec.EXACT) else NONE
    lost = _lost(asked, furthest.order.moments, m, end) if why == spec.RIGHT else None
    return Tightest(m, int(columns.row[m]), tuple(found[m]), m in nowhere, needs, lost=lost)


def _lost(asked: Requirements, order: Int64s, m: int, tail: int) -> Claimed | None:
    """Which operation that is not in an order yet has no place once a moment was at a tail; None if none is known.

    It names a tail that the moment leaves behind, or found no stream, and the moment shows that there is one.
    """
    columns = asked.asked
    after = tail + int(columns.high[m] - columns.low[m]) if columns.ask[m] == spec.APPEND else tail
    named = exacts(asked) | ((columns.ask == spec.APPEND) & (columns.optional == 0))
    named &= (columns.at != NONE) & (columns.at < after)
    absent = columns.ask == spec.ABSENT
    for some in (named, absent):
        some[order] = some[m] = False
    for w in np.flatnonzero(named)[:1].tolist():
        return Claims.LEFT_BEHIND(int(columns.row[w]), tail=int(columns.at[w]))
    for w in np.flatnonzero(absent)[:1].tolist():
        return Claims.ABSENT_AFTER(int(columns.row[w]))
    return None


def _due(asked: Requirements, order: Int64s) -> dict[int, tuple[int, int]]:
    """The definite moments that are not in an order and could have been, with the first and the last place for each."""
    columns = asked.asked
    place = np.full(len(asked), NONE, dtype=np.int64)
    place[order[::-1]] = np.arange(len(order))[::-1]
    missing, found = (place == NONE) & (columns.optional == 0), {}
    latest = np.maximum.accumulate(columns.invoked[order])
    deadline = columns.returned[missing].min(initial=FOREVER)
    for m in np.flatnonzero(missing & (columns.invoked <= deadline)).tolist():
        before = _before(asked, m)
        if not (place[before] == NONE).any():
            first = int(place[before].max(initial=NONE)) + 1
            found[m] = first, int(np.searchsorted(latest, columns.returned[m], side="right"))
    return found


def _before(asked: Requirements, m: int) -> Mask:
    """Which moments have to come before one."""
    columns = asked.asked
    before: Mask = (columns.returned < columns.invoked[m]) & (columns.optional == 0)
    ahead = asked.ahead[asked.ahead[:, 1] == m]
    before[ahead[(ahead[:, 2] > 0) | (columns.optional[ahead[:, 0]] == 0), 0]] = True
    return before


def _places(
    asked: Requirements, rows: Int64s, furthest: Furthest, due: dict[int, tuple[int, int]]
) -> dict[int, list[tuple[int, int]]]:
    """The tails of some moments between their first and their last place in an order, and what was wrong there."""
    order = furthest.order
    log, state = logs.begin(asked, rows, len(asked.records.sent), order.token, order.latest)
    (columns, records), log, state = asked.listed, listed(log), state.tolist()
    found: dict[int, list[tuple[int, int]]] = {m: [] for m in due}
    for place, taken in enumerate([*order.moments.tolist(), NONE]):
        for m, (first, last) in due.items():
            if first <= place <= last:
                here = int(state[spec.AT]), int(spec.step(columns, records, log, state, m, False))
                if here not in found[m][-1:]:
                    found[m].append(here)
        if taken != NONE:
            spec.step(columns, records, log, state, taken, True)
    return found
