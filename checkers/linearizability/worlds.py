"""What the history leaves open, and what can be tried: the first token, and who wrote a record sent by several.

A stream is explained if some *world* explains it: one token with which it began, one reading of the records that
different batches may have put there. In each of them all else is determined. One that explains the stream makes it
valid; where each is contradicted it is invalid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE

from ..chain.stream import UNKNOWN, UNMENTIONED, Stream
from ..judgement import Judgement
from . import one_stream

MOST: Final = 32
"""Tokens that are tried."""

World = tuple[str, Judgement]
"""What is supposed, as a clause, and what follows."""


def judge(stream: Stream) -> Judgement:
    """Judge a stream, in each of its worlds if there are several."""
    judgement = _with_token(stream, 0)
    placement = judgement.chain.placement
    if placement.readings == 1:
        return judgement
    others = map(partial(_with_token, stream), range(1, placement.readings))
    return _composed((_read(world), world) for world in (judgement, *others))


def _read(judgement: Judgement) -> str:
    position = judgement.chain.placement.ambiguous
    writer = judgement.chain.holding(position)
    who = "nobody who is known" if writer == NONE else f"append #{int(judgement.history.id[writer])}"
    return f"{who} wrote the record at position {position}"


def _with_token(stream: Stream, reading: int) -> Judgement:
    """Judge one reading. A first token that is not known is first supposed to be whatever each operation needs.

    What is contradicted then is so for every token, and an append that took effect and gave it tells it. Else the
    tokens are tried that operations name which may have met the first one, and one that stands for all others.
    """
    judgement = one_stream.judge(stream, reading)
    if judgement.tokens.initial != UNKNOWN or judgement.findings.any:
        return judgement
    named = _named(judgement)
    if len(named) >= MOST:
        judgement.reasons.append(
            f"stream {stream.name}: the first token is not known, and {len(named)} may have been it: too many to try"
        )
        return judgement
    return _composed(_worlds(stream, reading, named)) if named else judgement


def _worlds(stream: Stream, reading: int, named: list[int]) -> Iterator[World]:
    for token in [*named, UNMENTIONED]:
        judgement = one_stream.judge(replace(stream, token=token), reading)
        told = "no token that is named" if token == UNMENTIONED else judgement.teller().token(token)
        yield f"the first token was {told}", judgement


def _named(judgement: Judgement) -> list[int]:
    """The tokens that operations name which may have met the first one: reported by refusals, then given."""
    history, rows, batches = judgement.history, judgement.stream.rows, judgement.chain.batches
    appends = history.appends
    fences = batches.row[batches.legal & (appends.start[batches.row] == batches.start)]
    fences = fences[appends.last_fence[fences] != NONE]
    replaced = int(history.returned[fences].min(initial=FOREVER))
    early = rows[history.invoked[rows] <= replaced]
    named = np.concatenate((history.token_mismatch[early], appends.token[early])).tolist()
    return [token for token in dict.fromkeys(named) if token != NONE]


def _composed(worlds: Iterable[World]) -> Judgement:
    """The first world that explains the stream; else one that nothing contradicts; else that with least against it."""
    tried: list[World] = []
    for clause, judgement in worlds:
        if not judgement.findings.any and not judgement.reasons:
            return judgement
        tried.append((clause, judgement))
    for clause, judgement in tried:
        if not judgement.findings.any:
            judgement.reasons = [f"{reason} (if {clause}, which is not known)" for reason in judgement.reasons]
            return judgement
    return _contradicted(tried)


def _contradicted(tried: list[World]) -> Judgement:
    """The world with the fewest violations, and what contradicts the others."""
    clause, best = min(tried, key=lambda world: len(world[1].findings.violations()))
    others = [(other, judgement.findings.violations()[0]) for other, judgement in tried if judgement is not best]
    against = [
        f"if {other}, by {', '.join(f'#{op}' for op in violation.operations)} ({violation.anomaly})"
        for other, violation in others
    ]
    premise = f"This is so if {clause}, which is not known; but all else is contradicted too: {'; '.join(against)}."
    best.findings.suppose(premise, tuple(dict.fromkeys(op for _, violation in others for op in violation.operations)))
    return best
