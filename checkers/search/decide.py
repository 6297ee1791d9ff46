"""Decides a stream by search: whether there is an order, whatever the history leaves open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from fencepost.harness.history.history import NONE

from ..chain.chain import Chain
from ..chain.claims import Claims
from ..chain.stream import UNKNOWN, UNMENTIONED
from ..domains.reading import Answers
from ..kernel.budget import Spending
from .answers import ReadRules
from .beginnings import BeginningRules
from .candidates import Candidates
from .floats import Floats, floats
from .log import Log
from .moments import EXACT, Moments, Sort, moments
from .prefixes import prefixes
from .replay import Replay
from .search import Dead, Ending, Search
from .targets import Targets


@dataclass(slots=True)
class Decision:
    """``sequence`` is the order found, as (row, is it the operation's second moment?), with the first ``token``.

    ``why`` says why it is undecided; ``dead`` is the furthest dead end of all, where it ended in none. ``log`` is what
    was tried.
    """

    ending: Ending
    found: Moments
    pool: Floats
    spent: Spending
    sequence: list[tuple[int, bool]] = field(default_factory=list)
    token: int = UNKNOWN
    why: str = ""
    dead: Dead = field(default_factory=Dead)
    log: Log = field(default_factory=Log)


def decide(chain: Chain, answers: Answers, told: Claims, spent: Spending) -> Decision:
    """Search for an order of the stream. Exact, unless the budget ends first."""
    rules = ReadRules(chain, answers, told)
    beginnings = BeginningRules(chain.stream, rules)
    found = moments(chain.stream, beginnings.of)
    pool = floats(chain, found)
    decision = Decision(Ending.EXHAUSTED, found, pool, spent)
    boundaries = _boundaries(chain, found)
    tokens = list(_first_tokens(chain, found))
    hashed = bool(chain.stream.history.reads.hashed[chain.stream.rows].any())
    targets = Targets(chain, found, pool) if hashed else None
    for token, supposed in product(tokens, prefixes(chain.stream, found, pool)):
        rules.placed.clear()
        candidates = Candidates(chain, pool, boundaries, targets)
        replay = Replay(chain, found, pool, candidates, beginnings, token, supposed)
        lengths = {refusal: len(applied) for refusal, applied in supposed.needed.items()}
        search = Search(replay, candidates, spent, decision.dead, decision.log, decision.log.root(token, lengths))
        ending = search.run()
        if ending is Ending.FOUND:
            decision.ending, decision.sequence, decision.token = ending, replay.sequence(), token
            return decision
        if ending is Ending.UNDECIDED:
            decision.ending, decision.why = ending, search.why
            return decision
    return decision


def _boundaries(chain: Chain, found: Moments) -> list[int]:
    """Tails that there certainly were: where acknowledged batches begin and end, exact and followed tails."""
    stream, history = chain.stream, chain.stream.history
    rows = np.array(found.row, dtype=np.int64)
    sorts, tails = np.array(found.sort, dtype=np.int64), np.array(found.tail, dtype=np.int64)
    acked = sorts == Sort.APPEND
    exact = np.isin(sorts, [int(sort) for sort in EXACT])
    followed = history.reads.tail[rows]
    columns = (
        tails[acked],
        history.appends.end[rows[acked]],
        tails[exact],
        followed[followed != NONE],
        np.array([stream.tail]),
    )
    return [int(tail) for tail in np.unique(np.concatenate(columns))]


def _first_tokens(chain: Chain, found: Moments) -> Iterable[int]:
    """The tokens that the stream may have begun with: the one that is known, or each that is named, and another."""
    stream, history = chain.stream, chain.stream.history
    if stream.token != UNKNOWN:
        return [stream.token]
    rows = stream.rows
    named = np.concatenate((history.token_mismatch[rows], history.appends.token[rows]))
    return [*dict.fromkeys(int(token) for token in named.tolist() if token != NONE), UNMENTIONED]
