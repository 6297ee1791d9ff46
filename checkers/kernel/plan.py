"""What a search over the orders of a stream looks up at each step: the moments by time, by tail, by what they return.

All of it follows from the columns, whatever the order, and only saves questions to :mod:`.spec` whose answer is clear.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from fencepost.harness.history.chain_hash import signed_link
from fencepost.harness.history.history import FOREVER, NONE
from fencepost.harness.s2.limits import MAX_BATCH_BYTES

from . import spec
from .columns import Requirements
from .facts import Facts, certain

NEVER: Final = 2**63 - 1
"""A tail that no stream reaches."""


class Plan:
    """Lists by moment, and indexes of moments. Raises Refuted where no order can be.

    ``length`` is how many records a moment has, ``names`` the tail that it names exactly (NONE if none); ``lowest``
    bounds the others'.

    ``needs`` are the moments that must have come before; ``shuts`` the optional ones that cannot come after it, and
    ``shut_by`` the reverse. ``fixed`` are the tails that there must have been, ascending, and ``most`` is the last that
    there can be.

    ``by_return`` are the definite moments in the order in which they returned (``rank`` is their place in it, and
    ``returns`` these times), ``by_call`` the observations in the order in which they were invoked.

    ``read`` are the digests that were returned, by position.

    ``floats`` are the optional appends in the order in which they were invoked; ``bit`` numbers them, and ``tied`` are
    those that a session orders (``free`` are those without a home beside; ``all`` are the bits of all, ``bound`` those
    of all that are not free). Where one certainly was applied, there is its ``home``. ``told`` are the appends by start
    of which that is known: these, and the acknowledged ones (``acked``).
    """

    def __init__(self, asked: Requirements) -> None:
        self.asked, self.records = asked.listed
        self.base = asked.tail
        self.most = asked.tail + len(asked.records.sent)
        self.count = len(asked)
        columns = self.asked
        self.length = [high - low for low, high in zip(columns.low, columns.high, strict=True)]
        self.is_append = [ask == spec.APPEND for ask in columns.ask]
        self.definite = [not optional for optional in columns.optional]
        moments = range(self.count)
        self.by_return = sorted((m for m in moments if self.definite[m]), key=columns.returned.__getitem__)
        self.rank = [NONE] * self.count
        for rank, m in enumerate(self.by_return):
            self.rank[m] = rank
        self.returns: list[int] = [*(columns.returned[m] for m in self.by_return), FOREVER]
        calls = sorted(moments, key=columns.invoked.__getitem__)
        self.by_call = [m for m in calls if not self.is_append[m]]
        self.floats = [m for m in calls if not self.definite[m] and columns.high[m] > columns.low[m]]
        self.absences = columns.ask.count(spec.ABSENT)
        self.wholes = [m for m in moments if columns.ask[m] == spec.WHOLE]
        self.acked: dict[int, list[int]] = {}
        for m in moments:
            if self.is_append[m] and self.definite[m]:
                self.acked.setdefault(columns.at[m], []).append(m)
        self._tails()
        self._records()
        self._homes(certain(asked))
        self._order(asked)
        self._ends()
        self._bits()

    def after(self, chained: int, m: int) -> int:
        """The chained hash after an append."""
        for record in range(self.asked.low[m], self.asked.high[m]):
            chained = signed_link(chained, self.records.sent[record])
        return chained

    def _tails(self) -> None:
        columns = self.asked
        exact = (spec.APPEND, *spec.EXACT)
        self.names = [
            at if ask in exact and definite else NONE
            for ask, at, definite in zip(columns.ask, columns.at, self.definite, strict=True)
        ]
        self.waiting = Counter(at for at in self.names if at != NONE)
        self.lowest = [0] * self.count
        fixed = set(self.waiting)
        for m, ask in enumerate(columns.ask):
            if ask == spec.APPEND and self.definite[m]:
                fixed.add(columns.end[m])
            if ask in (spec.PART, spec.END):
                if columns.high[m] > columns.low[m]:
                    self.lowest[m] = self.records.seq_num[columns.high[m] - 1] + 1
                if columns.told[m] != NONE:
                    self.lowest[m] = max(self.lowest[m], columns.told[m])
                    fixed.add(columns.told[m])
        self.fixed = sorted(at for at in fixed if at >= self.base)
        self.begins = [m for m in range(self.count) if columns.ask[m] == spec.BEGIN]
        self.tellers: dict[int, list[int]] = {m: [] for m in self.begins}
        for m, begun in enumerate(columns.begun):
            if begun != NONE:
                self.tellers[begun].append(m)

    def _records(self) -> None:
        columns, records = self.asked, self.records
        self.read: dict[int, int] = {}
        self.returned_by: dict[int, list[int]] = {}
        for m, ask in enumerate(columns.ask):
            if ask not in (spec.PART, spec.END):
                continue
            for record in range(columns.low[m], columns.high[m]):
                position, digest = records.seq_num[record], records.digest[record]
                self.returned_by.setdefault(position, []).append(m)
                self.read[position] = digest

    def _homes(self, facts: Facts) -> None:
        self.home = {m: int(facts.place[m]) for m in facts.chain.tolist() if not self.definite[m]}
        self.told = {at: list(same) for at, same in self.acked.items()}
        for m, at in self.home.items():
            self.told.setdefault(at, []).append(m)
        ends = [at + self.length[m] for m, at in self.home.items()]
        self.fixed = sorted({at for at in (*self.fixed, *self.home.values(), *ends) if at >= self.base})

    def _order(self, asked: Requirements) -> None:
        self.needs: list[list[int]] = [[] for _ in range(self.count)]
        self.shuts: list[list[int]] = [[] for _ in range(self.count)]
        self.shut_by: list[list[int]] = [[] for _ in range(self.count)]
        for one, other, needed in asked.ahead.tolist():
            if needed or self.definite[one]:
                self.needs[other].append(one)
            else:
                self.shuts[other].append(one)
                self.shut_by[one].append(other)

    def _bits(self) -> None:
        self.bit = {m: 1 << number for number, m in enumerate(self.floats)}
        needed = {one for needs in self.needs for one in needs}
        self.tied = {m for m in self.floats if m in needed or self.needs[m] or self.shuts[m] or self.shut_by[m]}
        self.free = {m for m in self.floats if m not in self.tied and m not in self.home}
        self.all = (1 << len(self.floats)) - 1
        self.bound = self.all & ~sum(self.bit[m] for m in self.free)

    def _ends(self) -> None:
        """Ends that a record may explain which did not fit: what is left of their room, and from where on they look."""
        columns, records = self.asked, self.records
        self.largest = MAX_BATCH_BYTES if self.base else max(records.sent_size, default=0)
        self.ends: list[int] = []
        self.room, self.looks = [0] * self.count, [0] * self.count
        for m, ask in enumerate(columns.ask):
            if ask != spec.END:
                continue
            low, high = columns.low[m], columns.high[m]
            self.room[m] = columns.room[m] - sum(records.size[low:high])
            if self.room[m] >= self.largest and columns.until[m] == NONE and columns.places[m] > high - low:
                continue
            self.ends.append(m)
            if high > low:
                self.looks[m] = records.seq_num[high - 1] + 1
            elif columns.after[m] != NONE:
                self.looks[m] = columns.after[m]
            elif columns.start[m] != NONE and not columns.clamp[m]:
                self.looks[m] = columns.start[m]
        self.rooms = sorted({self.room[m] for m in self.ends if self.room[m] < self.largest})
        self.tight = [m for m in self.ends if self.room[m] < self.largest]


def tokens(asked: Requirements) -> Sequence[int]:
    """The tokens that answers or conditions name."""
    told = np.where(asked.asked.ask == spec.TOKEN_REFUSED, asked.asked.told, NONE)
    named = np.unique(np.concatenate((asked.asked.token, told)))
    return [int(token) for token in named if token != NONE]
