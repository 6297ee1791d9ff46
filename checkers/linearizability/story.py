"""Tells a contradiction: the operations, the edges of the cycle between them, and the sentences."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Edge

from ..explanation.elision import elided
from ..explanation.graph import shortest_cycle
from ..explanation.sentences import Teller, Witness, sentence
from ..judgement import Judgement
from .causes import Point

TOLD: Final = 20
"""Sentences of one kind; of more, the middle is left out."""


def tell(judgement: Judgement, links: Sequence[Point]) -> Witness:
    """The proof that ``links`` (each before the next in real time or in its process) cannot all be.

    The last of them took place at a tail that the stream had left behind by the time it was invoked; the first
    proves how far it had got by itself, and those between are forced by what came before them past one slot of
    their domain and into the next.
    """
    return _Story(judgement, links).witness()


class _Story:
    def __init__(self, judgement: Judgement, links: Sequence[Point]) -> None:
        self._judgement = judgement
        self._links = links
        rows = [link.row for link in links]
        fences = [row for link in links for row in (link.setter, link.ender) if row != NONE]
        self._teller: Teller = judgement.teller(*rows, *fences)

    def witness(self) -> Witness:
        links, teller = self._links, self._teller
        if len(links) == 1:
            return self._alone(links[0])
        edges: list[Edge] = []
        steps: list[str] = []
        for before, after in pairwise(links[:-1]):
            edges += self._forced(before, after, steps)
        source, target = links[-2], links[-1]
        if source.union and not edges:
            steps.append(sentence(self._slot(source)))
        lead = f"{self._did(target)} after {self._did(source, had=True)}"
        sentences = [sentence(lead), *elided([teller.told(link.row) for link in links], TOLD), *elided(steps, TOLD)]
        cycle = [self._order(source, target), *self._back(target, source)]
        sentences.append(teller.contradiction(shortest_cycle(cycle)))
        rows = tuple(link.row for link in links)
        context = self._context([*edges, *cycle])
        sentences += elided([teller.told(row) for row in context if row not in rows], TOLD)
        return Witness(rows, tuple(sentences), (*edges, *cycle), context)

    def _alone(self, target: Point) -> Witness:
        tail = self._judgement.stream.tail
        text = f"{self._teller.who(target.row)} took place below {tail}, where the stream began"
        return Witness((target.row,), (sentence(text), self._teller.told(target.row)))

    def _order(self, source: Point, target: Point) -> Edge:
        return self._teller.real_time(source.row, target.row)

    def _forced(self, before: Point, after: Point, sentences: list[str]) -> list[Edge]:
        """``after`` was forced out of one slot and into the next, since ``before`` comes after the former's end."""
        teller = self._teller
        order = self._order(before, after)
        edges = [*(self._into(after.ender, before) if after.ender != NONE else []), order]
        if after.setter != NONE:
            edges.append(self._seen(after))
        sentences.append(
            sentence(
                f"{self._slot(after)}; but {order.because}, and {self._saw(before)}: "
                f"so {teller.name(after.row)} took place at a tail of {after.lower} or more"
            )
        )
        return edges

    def _slot(self, point: Point) -> str:
        """Where an operation may have taken place."""
        teller, name = self._teller, self._teller.name(point.row)
        token = int(self._judgement.history.token_mismatch[point.row])
        if token == NONE:
            low = "" if point.upper == NONE else f"at a tail up to {point.upper}, or else "
            return f"{name} took place {low}at a tail of {point.lower} or more, by its answer"
        until = ""
        if point.ender != NONE:
            until = f" until {teller.name(point.ender)} replaced it at {self._start(point.ender)}, and again"
        since = f" from {point.lower} on"
        if point.setter != NONE:
            since += f", where {teller.name(point.setter)} had set it"
        return f"{name} was refused with the token {teller.token(token)}, in force{until}{since}"

    def _start(self, row: int) -> int:
        return (self._judgement.chain.batch_of(row) or (NONE, NONE))[0]

    def _back(self, target: Point, source: Point) -> list[Edge]:
        """The path in the stream from the target, which is at a lower tail, to the source, which is at a higher."""
        teller = self._teller
        if target.ender != NONE:
            token = teller.token(int(self._judgement.history.token_mismatch[target.row]))
            because = (
                f"{teller.name(target.row)} was refused with the token {token}, "
                f"which {teller.name(target.ender)} replaced by its fence at {self._start(target.ender)}"
            )
            replaced = teller.edge(target.row, target.ender, "tr", because)
            return [replaced, *self._into(target.ender, source)]
        if target.appends:
            return self._into(target.row, source)
        entry = source.row if source.appends else source.setter
        if entry == NONE:
            entry = self._judgement.chain.starting_at(target.upper)
        if entry in (NONE, target.row):
            because = f"{self._saw(target)}, and {self._saw(source)}"
            return [teller.edge(target.row, source.row, "rw", because)]
        because = f"{self._saw(target)}, where {self._stands(entry)} is not yet"
        return [teller.edge(target.row, entry, "rw", because), *self._into(entry, source)]

    def _into(self, append: int, source: Point) -> list[Edge]:
        """The path from an append, which took effect below the source's tail, to the source."""
        teller = self._teller
        if append == source.row:
            return []
        if source.appends:
            because = f"{self._stands(append)} comes before {self._stands(source.row)} in the stream"
            return [teller.edge(append, source.row, "ww", because)]
        if source.setter != NONE:
            return [*self._into(append, Point(source.setter, NONE, NONE, appends=True)), self._seen(source)]
        return [teller.edge(append, source.row, "wr", f"{self._saw(source)}, past {self._stands(append)}")]

    def _seen(self, point: Point) -> Edge:
        teller = self._teller
        token = teller.token(int(self._judgement.history.token_mismatch[point.row]))
        because = f"{teller.name(point.row)} was refused with the token {token}, which {teller.name(point.setter)} set"
        return teller.edge(point.setter, point.row, "tw", because)

    def _saw(self, point: Point) -> str:
        name = self._teller.name(point.row)
        if point.union:
            bound = f"up to {point.upper}" if point.lower == NONE else f"of {point.lower} or more"
            return f"{name} took place at a tail {bound}"
        if point.lower == point.upper:
            return f"{name} saw the tail {point.lower}"
        return f"{name} saw the stream up to {point.lower}"

    def _did(self, point: Point, *, had: bool = False) -> str:
        """What an operation did or saw, in a few words; ``had`` puts it into the time before."""
        name = self._teller.name(point.row)
        token = int(self._judgement.history.token_mismatch[point.row])
        if point.appends:
            place = self._teller.place(*(self._judgement.chain.batch_of(point.row) or (point.upper, point.lower)))
            return f"{name} {'had written' if had else 'wrote'} {place}"
        if token != NONE:
            return f"{name} {'had been' if had else 'was'} refused with the token {self._teller.token(token)}"
        if point.union:
            bound = f"up to {point.upper}" if point.lower == NONE else f"of {point.lower} or more"
            return f"{name} {'had taken' if had else 'took'} place at a tail {bound}"
        saw = "had seen" if had else "saw"
        if point.lower == point.upper:
            return f"{name} {saw} the tail {point.lower}"
        return f"{name} {saw} the stream {'up to' if had else 'no further than'} {point.lower if had else point.upper}"

    def _stands(self, row: int) -> str:
        start, end = self._judgement.chain.batch_of(row) or (NONE, NONE)
        return f"{self._teller.name(row)} at {self._teller.place(start, end)}"

    def _context(self, edges: Sequence[Edge]) -> tuple[int, ...]:
        rows = {link.row for link in self._links}
        ids = dict.fromkeys(op for edge in edges for op in (edge.source, edge.target))
        found = [self._judgement.history.row_of(op) for op in ids]
        found += [link.before for link in self._links if link.before not in (NONE, *found)]
        return tuple(dict.fromkeys(row for row in found if row not in rows))
