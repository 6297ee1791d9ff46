"""Tells why one operation cannot come after another: by the clock it does, and by its place in the stream it does not.

The accused operation was at a tail that the stream had left behind when it was invoked. An operation that had returned
by then proves how far the stream had got: by its own answer, or since it was itself forced past a place where its
answer would have been right, by an operation before it, and so on: a chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Edge

from .case import Case
from .elision import elided
from .graph import shortest_cycle
from .sentences import Teller, Witness, sentence

TOLD: Final = 20
"""Sentences of one kind; of more, the middle is left out."""


def cycle(case: Case, links: Sequence[int], *, accused: Sequence[int] = ()) -> Witness:
    """The proof that the last of ``links`` (rows, each before the next) comes too late; ``accused`` if not it."""
    return _Story(case, links).witness(accused or links[-1:])


class _Story:
    def __init__(self, case: Case, links: Sequence[int]) -> None:
        self._case, self._links = case, links
        self._enders = {row: self._ender(row) for row in links}
        self._setters = {row: self._setter(row) for row in links}
        fences = [row for row in (*self._enders.values(), *self._setters.values()) if row not in (NONE, *links)]
        self._teller: Teller = case.teller(*links, *fences)

    def witness(self, accused: Sequence[int]) -> Witness:
        links, teller = self._links, self._teller
        source, target = links[-2], links[-1]
        edges: list[Edge] = []
        steps: list[str] = []
        for before, after in pairwise(links[:-1]):
            edges.append(teller.real_time(before, after))
            edges += self._seen(after)
            steps.append(sentence(f"{self._slot(after)}; {edges[-1].because}, and {edges[0].because}"))
        lead = f"{self._did(target)} after {self._did(source, had=True)}"
        sentences = [sentence(lead), *elided([teller.told(row) for row in links], TOLD), *elided(steps, TOLD)]
        around = [teller.real_time(source, target), *self._back(target, source)]
        sentences.append(teller.contradiction(shortest_cycle(around)))
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
            teller.origin,
        )

    # -- the places of operations

    def _ender(self, row: int) -> int:
        """The fence that replaced the token that a refusal told, for good; NONE if there is none."""
        token = int(self._case.history.token_mismatch[row])
        slots = self._case.slots(token) if token != NONE else []
        ender = slots[-1][1] if slots else None
        return NONE if ender is None else ender.row

    def _setter(self, row: int) -> int:
        """The fence that first set the token that a refusal told; NONE if there is none."""
        token = int(self._case.history.token_mismatch[row])
        slots = self._case.slots(token) if token != NONE else []
        setter = slots[0][0] if slots else None
        return NONE if setter is None else setter.row

    def _slot(self, row: int) -> str:
        """Where an operation took place."""
        teller, name = self._teller, self._teller.name(row)
        token = int(self._case.history.token_mismatch[row])
        if token == NONE:
            return f"{name} took place at a tail of {self._case.lower(row)} or more, by its answer"
        since = ""
        if self._setters[row] != NONE:
            since = f", which {teller.name(self._setters[row])} set at {self._start(self._setters[row])}"
        return f"{name} was refused with the token {teller.token(token)}{since}"

    def _start(self, row: int) -> int:
        place = self._case.place(row)
        return NONE if place is None else place[0]

    # -- the path back along the stream

    def _back(self, target: int, source: int) -> list[Edge]:
        """The path in the stream from the target, which is at a lower tail, to the source, which is at a higher."""
        teller, case = self._teller, self._case
        if self._enders[target] != NONE:
            token = teller.token(int(case.history.token_mismatch[target]))
            ender = self._enders[target]
            because = (
                f"{teller.name(target)} was refused with the token {token}, "
                f"which {teller.name(ender)} replaced by its fence at {self._start(ender)}"
            )
            return [teller.edge(target, ender, "tr", because), *self._into(ender, source)]
        if case.place(target) is not None:
            return self._into(target, source)
        upper = case.upper(target)
        entry = source if case.place(source) is not None else case.holding(upper, target)
        if entry in (NONE, target, source) and case.place(source) is None:
            because = f"{self._saw(target)}, and {self._saw(source)}"
            return [teller.edge(target, source, "rw", because)]
        because = f"{self._saw(target)}, where {self._stands(entry)} is not yet"
        return [teller.edge(target, entry, "rw", because), *self._into(entry, source)]

    def _into(self, append: int, source: int) -> list[Edge]:
        """The path from an append, which took effect below the source's tail, to the source."""
        teller, case = self._teller, self._case
        if append == source:
            return []
        if case.place(source) is not None:
            because = f"{self._stands(append)} comes before {self._stands(source)} in the stream"
            return [teller.edge(append, source, "ww", because)]
        if self._setters[source] != NONE:
            return [*self._into(append, self._setters[source]), *self._seen(source)]
        return [teller.edge(append, source, "wr", f"{self._saw(source)}, past {self._stands(append)}")]

    def _seen(self, row: int) -> list[Edge]:
        """That a refusal tells a token which a fence had set."""
        teller, setter = self._teller, self._setters[row]
        if setter == NONE:
            return []
        token = teller.token(int(self._case.history.token_mismatch[row]))
        because = f"{teller.name(row)} was refused with the token {token}, which {teller.name(setter)} set"
        return [teller.edge(setter, row, "tw", because)]

    # -- words

    def _saw(self, row: int) -> str:
        name, lower, upper = self._teller.name(row), self._case.lower(row), self._case.upper(row)
        return f"{name} saw the tail {lower}" if lower == upper else f"{name} saw the stream up to {lower}"

    def _did(self, row: int, *, had: bool = False) -> str:
        """What an operation did or saw, in a few words; ``had`` puts it into the time before."""
        name, case = self._teller.name(row), self._case
        token, place = int(case.history.token_mismatch[row]), case.place(row)
        if place is not None:
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
