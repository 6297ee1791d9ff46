"""What speaks against each world, where every one of them is contradicted.

A *world* supposes what the history leaves open and what is finite: one token with which the stream began, one reading
of the records that different batches may have put there. In each of them all else is determined. The search decides
whether any explains the stream; here is told why none does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE

from ..chain.stream import UNKNOWN, UNMENTIONED, Stream
from ..judgement import Judgement
from ..kernel.columns import Requirements
from ..structure.agreement import agrees
from . import one_stream

MOST: Final = 32
"""Worlds that are told of."""

World = tuple[str, Judgement]
"""What is supposed, as a clause, and what follows."""


def likeliest(stream: Stream, asked: Requirements) -> Judgement:
    """What is wrong with a stream by the reading, and the first token, that leaves the fewest violations."""
    judgement = one_stream.judge(stream, asked)
    guessed = judgement.chain.placement.guessed
    if judgement.findings.any and (not guessed or not agrees(judgement)):
        return judgement
    return contradicted(judgement) if guessed or stream.token == UNKNOWN else judgement


def contradicted(judgement: Judgement) -> Judgement:
    """The judgement of the world with the fewest violations, and what contradicts the others.

    Where some world shows no violation by itself (only the search excluded it), or there are too many, the judgement is
    given back without any.
    """
    worlds = list(_worlds(judgement))
    if not 0 < len(worlds) <= MOST or not all(world.findings.any for _, world in worlds):
        judgement.findings.clear()
        return judgement
    if len(worlds) == 1:
        best = worlds[0][1]
    else:
        clause, best = min(worlds, key=lambda world: len(world[1].findings.violations()))
        others = [(other, world.findings.violations()[0]) for other, world in worlds if world is not best]
        against = [
            f"if {other}, by {', '.join(f'#{op}' for op in violation.operations)} ({violation.anomaly})"
            for other, violation in others
        ]
        premise = f"This is so if {clause}, which is not known; but all else is contradicted too: {'; '.join(against)}."
        because = tuple(dict.fromkeys(op for _, violation in others for op in violation.operations))
        best.findings.suppose(premise, because)
    return best


def _worlds(judgement: Judgement) -> Iterator[World]:
    stream, readings = judgement.stream, judgement.chain.placement.readings
    named = named_tokens(judgement) if stream.token == UNKNOWN else []
    if len(named) * readings >= MOST or judgement.chain.placement.doubtful != NONE:
        return
    for token in [*named, UNMENTIONED] if stream.token == UNKNOWN else [stream.token]:
        supposed = replace(stream, token=token)
        first = judgement if token == stream.token else one_stream.judge(supposed, judgement.asked)
        readings = first.chain.placement.readings  # a token may leave fewer
        for reading in range(readings):
            world = one_stream.judge(supposed, judgement.asked, reading) if reading else first
            clauses = [_read(world)] if readings > 1 else []
            if stream.token == UNKNOWN:
                told = "no token that is named" if token == UNMENTIONED else world.teller().token(token)
                clauses.insert(0, f"the first token was {told}")
            yield " and ".join(clauses), world


def _read(judgement: Judgement) -> str:
    position = judgement.chain.placement.ambiguous
    writer = judgement.chain.holding(position)
    who = "nobody who is known" if writer == NONE else f"append #{int(judgement.history.id[writer])}"
    return f"{who} wrote the record at position {position}"


def named_tokens(judgement: Judgement) -> list[int]:
    """The tokens that operations name which may have met the first one: reported by refusals, then given."""
    history, rows, batches = judgement.history, judgement.stream.rows, judgement.chain.batches
    appends = history.appends
    fences = batches.row[batches.legal & (appends.start[batches.row] == batches.start)]
    fences = fences[appends.last_fence[fences] != NONE]
    replaced = int(history.returned[fences].min(initial=FOREVER))
    early = rows[history.invoked[rows] <= replaced]
    named = np.concatenate((history.token_mismatch[early], appends.token[early])).tolist()
    return [token for token in dict.fromkeys(named) if token != NONE]
