"""Streams of which the history does not know the first token.

The token is one for everybody: some single token must explain all that was answered while it was in force. So a
stream is judged first as if it might be whatever each operation needs. What is contradicted then is so for every token,
and where an append that took effect gave it, the token is known. Else the tokens that matter are tried one by one:
those that are named by operations which may have met the first token, and one that stands for all others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE

from ..chain.stream import UNKNOWN, UNMENTIONED, Stream
from ..judgement import Judgement
from . import one_stream

MOST: Final = 32
"""Tokens that are tried."""


def judge(stream: Stream) -> Judgement:
    """Judge a stream, whether its first token is known or not.

    With one that explains it the stream is valid; where each is contradicted it is invalid.
    """
    judgement = one_stream.judge(stream)
    if judgement.tokens.initial != UNKNOWN or judgement.findings.any:
        return judgement
    named = _named(judgement)
    if not named:
        return judgement
    tried: list[Judgement] = []
    for token in [*named[: MOST - 1], UNMENTIONED]:
        tried.append(one_stream.judge(replace(stream, token=token)))
        if not tried[-1].findings.any and not tried[-1].reasons:
            return tried[-1]
    if len(named) >= MOST:
        judgement.reasons.append(
            f"stream {stream.name}: the first token is not known, {len(named)} may have been it, and {MOST} were tried"
        )
        return judgement
    return _undecided(tried) or _contradicted(tried)


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


def _undecided(tried: list[Judgement]) -> Judgement | None:
    """One that nothing contradicts, with what is open about it; None if there is none."""
    for judgement in tried:
        if not judgement.findings.any:
            first = _token(judgement)
            judgement.reasons = [
                f"{reason} (if {first} was the first token, which is not known)" for reason in judgement.reasons
            ]
            return judgement
    return None


def _contradicted(tried: list[Judgement]) -> Judgement:
    """The one with the fewest violations, and what contradicts the others."""
    best = min(tried, key=lambda judgement: len(judgement.findings.violations()))
    others = [(judgement, judgement.findings.violations()[0]) for judgement in tried if judgement is not best]
    against = [
        f"{_token(judgement)} by {', '.join(f'#{op}' for op in violation.operations)} ({violation.anomaly})"
        for judgement, violation in others
    ]
    premise = (
        f"The first token of the stream is not known: this takes {_token(best)} for it, "
        f"and the others are contradicted too: {'; '.join(against)}."
    )
    best.findings.suppose(premise, tuple(dict.fromkeys(op for _, violation in others for op in violation.operations)))
    return best


def _token(judgement: Judgement) -> str:
    token = judgement.stream.token
    return "any other" if token == UNMENTIONED else judgement.teller().token(token)
