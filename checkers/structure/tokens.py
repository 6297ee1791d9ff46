"""Appends that gave a token and took effect: it must have been the one in force at their start."""

from __future__ import annotations

from typing import Final

import numpy as np

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Edge

from ..chain.stream import UNKNOWN
from ..explanation.sentences import Teller, Witness, sentence
from ..judgement import Judgement

_FEW: Final = 3


def check(judgement: Judgement) -> None:
    """stale-token-write."""
    appends, batches = judgement.history.appends, judgement.chain.batches
    token = appends.token[batches.row]
    in_force = judgement.tokens.at(batches.start)
    wrong = np.flatnonzero(batches.legal & (token != NONE) & (in_force != token) & (in_force != UNKNOWN))
    if not len(wrong):
        return
    excused = judgement.tokens_of_lost_fences()
    doubtful = [hole for hole in judgement.holes if hole.fillable]
    offenders = [
        at
        for at in wrong.tolist()
        if int(token[at]) not in excused
        and not (doubtful and int(token[at]) in judgement.uncertain_tokens(int(batches.start[at])))
    ]
    # The clearest first: those whose token had been replaced, for all to know, before they were invoked.
    offenders.sort(key=lambda at: not _late(judgement, int(batches.row[at]), int(batches.start[at])))
    for at in judgement.findings.few("stale-token-write", offenders, [int(batches.row[at]) for at in offenders]):
        _accuse(judgement, int(batches.row[at]), int(batches.start[at]), int(batches.end[at]))


def _late(judgement: Judgement, row: int, start: int) -> bool:
    setter, history = judgement.tokens.setter(start), judgement.history
    return setter != NONE and bool(history.returned[setter] < history.invoked[row])


def _accuse(judgement: Judgement, row: int, start: int, end: int) -> None:
    tokens, history = judgement.tokens, judgement.history
    given, in_force = int(history.appends.token[row]), int(tokens.at(np.array([start]))[0])
    setter = tokens.setter(start)
    ended = _ender(judgement, given, start)
    teller = judgement.teller(row, setter, ended)
    took = "was accepted at" if history.appends.start[row] != NONE else "took effect at"
    since = (
        "since the beginning" if setter == NONE else f"set by {teller.name(setter)} at {_place(judgement, setter)[0]}"
    )
    text = f"{teller.who(row)} {took} {start}, although the token in force there was {teller.token(in_force)}, {since}"
    others = [other for other in dict.fromkeys((setter, ended)) if other != NONE]
    sentences = [sentence(text), teller.told(row), *(teller.told(other) for other in others)]
    edges: list[Edge] = []
    if ended != NONE:
        edges = _cycle(judgement, teller, row, start, ended)
        sentences.append(teller.contradiction(edges))
        if setter not in (NONE, ended):
            edges.append(_order(judgement, teller, setter, row, start))
    elif setter != NONE:
        edges = [_order(judgement, teller, setter, row, start)]
    for other in others:
        if history.returned[other] < history.invoked[row]:
            edges.append(teller.real_time(other, row))
            sentences.append(sentence(edges[-1].because))
            break
    proof = () if not tokens.slots(given).starts else tuple(one for one in (ended, setter) if one != NONE)[:1]
    beside = (*others, *fences_of(judgement, given, start))
    context = tuple(dict.fromkeys(one for one in beside if one not in (*proof, row)))
    witness = Witness((*proof, row), tuple(sentences), tuple(edges), context)
    judgement.findings.add("stale-token-write", witness, start)


def fences_of(judgement: Judgement, token: int, position: int) -> list[int]:
    """The rows of the last few fences below a position that set a token: by their places it was not in force there."""
    slots = judgement.tokens.slots(token)
    below = [row for row, start in zip(slots.setters, slots.starts, strict=True) if start <= position and row != NONE]
    return below[-_FEW:]


def _ender(judgement: Judgement, token: int, start: int) -> int:
    """The fence that ended the last slot of ``token`` below ``start``."""
    slots = judgement.tokens.slots(token)
    ended = [ender for end, ender in zip(slots.ends, slots.enders, strict=True) if end < start]
    return ended[-1] if ended else NONE


def _place(judgement: Judgement, row: int) -> tuple[int, int]:
    return judgement.chain.batch_of(row) or (NONE, NONE)


def _order(judgement: Judgement, teller: Teller, fence: int, row: int, start: int) -> Edge:
    low, high = _place(judgement, fence)
    because = f"{teller.name(fence)} stands at {teller.place(low, high)} and {teller.name(row)} from {start} on"
    return teller.edge(fence, row, "ww", because)


def _cycle(judgement: Judgement, teller: Teller, row: int, start: int, ended: int) -> list[Edge]:
    given = teller.token(int(judgement.history.appends.token[row]))
    low, _ = _place(judgement, ended)
    because = f"{teller.name(row)} needs the token {given}, which {teller.name(ended)} replaced by its fence at {low}"
    return [_order(judgement, teller, ended, row, start), teller.edge(row, ended, "tr", because)]
