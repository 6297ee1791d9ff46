"""Stretches of the stream that somebody must have written, and nobody knows who.

A hole lies below the greatest tail observed, and neither an acknowledgement nor a read covers it. Only appends of
unknown outcome can have filled it. Where none can, the history is impossible; where some can, which did takes a
search (:mod:`.search`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fencepost.harness.history.history import NONE

from .chain.axis import distinct
from .chain.chain import Chain
from .chain.frontier import Frontier
from .chain.subsets import sums_to
from .chain.tokens import Tokens
from .domains.domains import Observations


@dataclass(frozen=True, slots=True)
class Hole:
    """``[start, end)``, and the rows of appends that may be in it.

    It begins and ends where a batch does; only the last may be ``ragged``: the stream went at least so far.
    """

    start: int
    end: int
    candidates: tuple[int, ...]
    ragged: bool = False

    @property
    def fillable(self) -> bool:
        """Could the candidates fill it, by their sizes? (False is certain, True is not.)"""
        return self.candidates != ()


def find_holes(chain: Chain, observations: Observations, tokens: Tokens) -> list[Hole]:
    """The holes of a chain, ascending. Exact tails inside one divide it: a batch does not reach across them."""
    starts, ends = chain.covered
    greatest = int(max(observations.lower.max(initial=0), ends[-1]))
    starts = np.append(starts[1:], greatest)
    edges = [(int(ends[at]), int(starts[at])) for at in np.flatnonzero(ends < starts).tolist()]
    if not edges:
        return []
    frontier = Frontier(observations.returned, observations.lower, chain.stream.tail)
    exact = distinct(observations.lower[observations.boundaries])
    holes = []
    for start, end in edges:
        inside = exact[np.searchsorted(exact, start, side="right") : np.searchsorted(exact, end)].tolist()
        for low, high in zip([start, *inside], [*inside, end], strict=True):
            ragged = high == greatest and not (observations.boundaries & (observations.lower == greatest)).any()
            holes.append(Hole(low, high, _candidates(chain, frontier, low, high, ragged), ragged))
    return _with_tokens(chain, holes, tokens)


def _with_tokens(chain: Chain, holes: list[Hole], tokens: Tokens) -> list[Hole]:
    """Without candidates whose token cannot have been in force: not before the hole, and set by no other candidate."""
    appends = chain.stream.history.appends
    kept: list[Hole] = []
    fences: set[int] = set()
    for hole in holes:
        rows = np.array(hole.candidates, dtype=np.int64)
        set_here = {*fences, *np.unique(appends.last_fence[rows]).tolist()} - {NONE}
        given = np.unique(appends.token[rows]).tolist()
        held = [token for token in given if token in (NONE, *set_here) or tokens.may_hold(token, hole.start)]
        if len(held) < len(given):
            rows = rows[np.isin(appends.token[rows], held)]
        size = appends.offset[rows + 1] - appends.offset[rows]
        candidates = tuple(rows.tolist()) if sums_to(size, hole.end - hole.start, hole.ragged) else ()
        kept.append(Hole(hole.start, hole.end, candidates, hole.ragged))
        if candidates:
            fences.update(np.unique(appends.last_fence[rows]).tolist())
    return kept


def _candidates(chain: Chain, frontier: Frontier, start: int, end: int, ragged: bool) -> tuple[int, ...]:
    """Appends that may lie in a hole, by match, size and the frontier at their invocation; none if no sum fits."""
    history, rows = chain.stream.history, chain.unused
    if not len(rows):
        return ()
    appends = history.appends
    size = appends.offset[rows + 1] - appends.offset[rows]
    match = appends.match_seq_num[rows]
    lowest = np.maximum(np.maximum(frontier.at(history.invoked[rows]), start), match)
    inside = lowest < end if ragged else lowest + size <= end
    fits = (size > 0) & inside & ((match == NONE) | (match >= lowest))
    if not sums_to(size[fits], end - start, ragged):
        return ()
    return tuple(rows[fits].tolist())
