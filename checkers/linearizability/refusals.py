"""The slots of the tokens that refusals report: those that are certain, and those that an unseen fence may have made."""

from __future__ import annotations

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE, Int64s

from ..chain import Chain
from ..judgement import Judgement
from ..stream import UNKNOWN
from ..tokens import Slots, Tokens
from .scan import Refusals, Scan


def initial_token(chain: Chain) -> Tokens:
    """The tokens of a chain. An unknown initial token is known by the first append that needed it."""
    batches, appends, stream = chain.batches, chain.stream.history.appends, chain.stream
    fencing = appends.last_fence[batches.row] != NONE
    token = np.asarray(appends.last_fence[batches.row[fencing]], dtype=np.int64)
    columns = (batches.start[fencing], batches.end[fencing], token, batches.row[fencing])
    tokens = Tokens(stream.token, *columns)
    if stream.token != UNKNOWN:
        return tokens
    given = appends.token[batches.row]
    needing = np.flatnonzero((tokens.at(batches.start) == UNKNOWN) & (given != NONE) & batches.legal)
    return Tokens(int(given[needing[0]]), *columns) if len(needing) else tokens


def _reporting(judgement: Judgement) -> Int64s:
    """Rows of refusals that report a token, but for those accused already."""
    history, rows = judgement.history, judgement.stream.failed
    rows = rows[history.token_mismatch[rows] != NONE]
    return rows[~np.isin(rows, list(judgement.accused))] if judgement.accused else rows


def certain_refusals(judgement: Judgement) -> Refusals:
    """With the slots of the chain."""
    rows = _reporting(judgement)
    token = np.asarray(judgement.history.token_mismatch[rows], dtype=np.int64)
    return Refusals(rows, token, {int(value): judgement.tokens.slots(int(value)) for value in np.unique(token)})


def possible_refusals(judgement: Judgement) -> Refusals | None:
    """With every slot that may be, or None where that is no more: a superset, so that what fails is certain."""
    refusals = certain_refusals(judgement)
    slots, more = {}, False
    for token, certain in refusals.slots.items():
        extra = _possible(judgement, token)
        slots[token] = _merged(certain, extra) if extra else certain
        more = more or bool(extra)
    return Refusals(refusals.row, refusals.token, slots) if more else None


def _possible(judgement: Judgement, token: int) -> list[tuple[int, int, int]]:
    """(start, end, row) of slots that fences of unknown outcome may have made: in a hole, or past the end."""
    appends, chain = judgement.history.appends, judgement.chain
    last, size = appends.last_fence, np.diff(appends.offset)
    tail = int(max(judgement.observations.lower.max(initial=0), judgement.stream.tail))
    fences = judgement.tokens.start
    found = []
    for row in chain.unused[last[chain.unused] == token].tolist():
        match = int(appends.match_seq_num[row])
        if match in (NONE, tail) or match > tail:
            found.append((max(tail, match) + int(size[row]), FOREVER, row))
        for hole in judgement.holes:
            if row in hole.candidates:
                after = fences[fences >= hole.end]
                found.append((hole.start + int(size[row]), int(after[0]) if len(after) else FOREVER, row))
    for row in chain.facts.lost:
        if last[row] == token:
            found.append((0, FOREVER, row))
    return found


def _merged(slots: Slots, extra: list[tuple[int, int, int]]) -> Slots:
    """The union, as disjoint slots."""
    columns = zip(slots.starts, slots.ends, slots.setters, slots.enders, strict=True)
    pieces = [piece for piece in columns if piece[0] <= piece[1]]
    pieces += [(start, end, row, NONE) for start, end, row in extra]
    merged = Slots()
    for start, end, setter, ender in sorted(pieces):
        if merged.starts and start <= merged.ends[-1]:
            if end > merged.ends[-1]:
                merged.ends[-1], merged.enders[-1] = end, ender
        else:
            merged.add(start, end, setter, ender)
    return merged


def undecided(judgement: Judgement, result: Scan) -> list[str]:
    """An unknown initial token explains refusals with one token, not with two."""
    if judgement.tokens.initial != UNKNOWN:
        return []
    initial = np.unique(result.refusals.token[result.choices.slot == 0])
    if len(initial) < 2:
        return []
    told = ", ".join(judgement.teller().token(int(token)) for token in initial)
    return [f"stream {judgement.stream.name}: the initial token is not known, and would have to be all of {told}"]
