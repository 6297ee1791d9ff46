"""Tells why one operation cannot come after another: by the clock it does, and by its place in the stream it does not.

The accused operation was at a tail that the stream had left behind when it was invoked. An operation that had returned
by then proves how far the stream had got: by its own answer, or since it was itself forced past a place where its
answer would have been right, by an operation before it, and so on: a chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Edge

from .case import Case, Fence
from .elision import elided
from .graph import shortest_cycle
from .sentences import Teller, Witness, sentence

TOLD: Final = 20
"""Sentences of one kind; of more, the middle is left out."""


def cycle(case: Case, links: Sequence[int], *, accused: Sequence[int] = ()) -> Witness:
    """The proof that the last of ``links`` (rows, each before the next) comes too late; ``accused`` if not it."""
    return _Story(case, links).witness(accused or links[-1:])


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where a refusal that told a token was, from the tail ``lower`` on: the fences that had set the token there,
    ended the stretch before in which it was in force, and replace it for good; None where there is none."""

    lower: int
    setter: Fence | None
    ender: Fence | None
    last: Fence | None


class _Story:
    def __init__(self, case: Case, links: Sequence[int]) -> None:
        self._case, self._links = case, links
        self._slots: dict[int, _Slot] = {}
        bound = 0
        for row in links:
            if case.history.token_mismatch[row] != NONE:
                self._slots[row] = self._forced(row, bound)
            bound = max(bound, self._lower(row))
        fences = {fence.row for slot in self._slots.values() for fence in (slot.setter, slot.ender, slot.last) if fence}
        self._teller: Teller = case.teller(*links, *sorted(fences))

    def _forced(self, row: int, bound: int) -> _Slot:
        """The first stretch in which the token of a refusal was in force and that does not end below a tail."""
        slots = self._case.slots(int(self._case.history.token_mismatch[row]))
        k = next((k for k, (_, ender) in enumerate(slots) if ender is None or ender.start >= bound), len(slots))
        setter = slots[k][0] if k < len(slots) else None
        lower = NONE if setter is None else setter.end
        return _Slot(lower, setter, slots[k - 1][1] if k else None, slots[-1][1] if slots else None)

    def _lower(self, row: int) -> int:
        return self._slots[row].lower if row in self._slots else self._case.lower(row)

    def witness(self, accused: Sequence[int]) -> Witness:
        links, teller = self._links, self._teller
        source, target = links[-2], links[-1]
        edges: list[Edge] = []
        steps: list[str] = []
        for before, after in pairwise(links[:-1]):
            ender = self._slots[after].ender if after in self._slots else None
            order = teller.order(before, after)
            edges += [*(self._into(ender.row, before) if ender else []), *order, *self._seen(after)]
            because = ", and ".join([*(edge.because for edge in order), self._saw(before)])
            so = f"so {teller.name(after)} took place at a tail of {self._lower(after)} or more"
            steps.append(sentence(f"{self._slot(after)}; but {because}: {so}"))
        lead = f"{self._did(target)} after {self._did(source, had=True)}"
        sentences = [sentence(lead), *elided([teller.told(row) for row in links], TOLD), *elided(steps, TOLD)]
        around = [*teller.order(source, target), *self._back(target, source)]
        sentences.append(teller.contradiction(shortest_cycle(around) or around))
        ids = dict.fromkeys(op for edge in (*edges, *around) for op in (edge.source, edge.target))
        context = tuple(row for op in ids if (row := self._case.history.row_of(op)) not in links)
        sentences += elided([teller.told(row) for row in context], TOLD)
        return Witness(
            tuple(links),
            tuple(sentences),
            (*edges, *around),
            context,
            tuple(accused),
            self._case.upper(target),
        )

    def _slot(self, row: int) -> str:
        """Where an operation may have taken place."""
        teller, name = self._teller, self._teller.name(row)
        if row not in self._slots:
            return f"{name} took place at a tail of {self._lower(row)} or more, by its answer"
        slot, token = self._slots[row], teller.token(int(self._case.history.token_mismatch[row]))
        until = (
            f" until {teller.name(slot.ender.row)} replaced it at {slot.ender.start}, and again" if slot.ender else ""
        )
        since = f" from {slot.setter.end} on, where {teller.name(slot.setter.row)} had set it" if slot.setter else ""
        return f"{name} was refused with the token {token}, in force{until}{since}"

    # -- the path back along the stream

    def _back(self, target: int, source: int) -> list[Edge]:
        """The path in the stream from the target, which is at a lower tail, to the source, which is at a higher."""
        teller, case = self._teller, self._case
        ender = (self._slots[target].ender or self._slots[target].last) if target in self._slots else None
        if ender is not None:
            token = teller.token(int(case.history.token_mismatch[target]))
            because = (
                f"{teller.name(target)} was refused with the token {token}, "
                f"which {teller.name(ender.row)} replaced by its fence at {ender.start}"
            )
            return [teller.edge(target, ender.row, "tr", because), *self._into(ender.row, source)]
        if case.place(target) is not None:
            return self._into(target, source)
        upper = case.upper(target)
        entry = source if case.wrote_past(source, upper) else case.holding(upper, target)
        if entry in (NONE, target) or (entry == source and not case.wrote_past(source, upper)):
            because = f"{self._saw(target)}, and {self._saw(source)}"
            return [teller.edge(target, source, "rw", because)]
        because = f"{self._saw(target)}, where {self._stands(entry)} is not yet"
        return [teller.edge(target, entry, "rw", because), *self._into(entry, source)]

    def _into(self, append: int, source: int) -> list[Edge]:
        """The path from an append, which took effect below the source's tail, to the source."""
        teller, case = self._teller, self._case
        if append == source:
            return []
        place, its = case.place(append), case.place(source)
        if place and its and place[0] < its[0]:
            because = f"{self._stands(append)} comes before {self._stands(source)} in the stream"
            return [teller.edge(append, source, "ww", because)]
        setter = self._slots[source].setter if source in self._slots else None
        if setter is not None:
            return [*self._into(append, setter.row), *self._seen(source)]
        return [teller.edge(append, source, "wr", f"{self._saw(source)}, past {self._stands(append)}")]

    def _seen(self, row: int) -> list[Edge]:
        """That a refusal tells a token which a fence had set."""
        teller, setter = self._teller, self._slots[row].setter if row in self._slots else None
        if setter is None:
            return []
        token = teller.token(int(self._case.history.token_mismatch[row]))
        because = f"{teller.name(row)} was refused with the token {token}, which {teller.name(setter.row)} set"
        return [teller.edge(setter.row, row, "tw", because)]

    # -- words

    def _saw(self, row: int) -> str:
        name, lower, upper = self._teller.name(row), self._lower(row), self._case.upper(row)
        if self._case.told(row) == lower != upper:
            return f"{name} told the tail {lower}"
        return f"{name} saw the tail {lower}" if lower == upper else f"{name} saw the stream up to {lower}"

    def _did(self, row: int, *, had: bool = False) -> str:
        """What an operation did or saw, in a few words; ``had`` puts it into the time before."""
        name, case = self._teller.name(row), self._case
        token, place = int(case.history.token_mismatch[row]), case.place(row)
        if place is not None and not (had and place[1] < case.lower(row)):
            return f"{name} {'had written' if had else 'wrote'} {self._teller.place(*place)}"
        if token != NONE:
            return f"{name} {'had been' if had else 'was'} refused with the token {self._teller.token(token)}"
        saw, lower, upper = "had seen" if had else "saw", case.lower(row), case.upper(row)
        if lower == upper:
            return f"{name} {saw} the tail {lower}"
        return f"{name} {saw} the stream {f'up to {lower}' if had else f'no further than {upper}'}"

    def _stands(self, row: int) -> str:
        place = self._case.place(row) or (NONE, NONE)
        return f"{self._teller.name(row)} at {self._teller.place(*place)}"
