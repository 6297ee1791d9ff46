"""One stream, decided: by the scan where all is determined, by search where the history leaves something open."""

from __future__ import annotations

from fencepost.harness.check_limits import CheckLimits
from fencepost.harness.history.history import NONE, Outcome

from ..chain.stream import UNKNOWN, Stream
from ..chain.ties import batches_of_sessions, ties
from ..judgement import Judgement
from ..kernel.budget import Spending
from ..search.decide import decide
from ..search.search import Ending
from ..structure.agreement import agrees
from . import one_stream, worlds
from .exhausted import accuse
from .undecided import reasons


def judge(stream: Stream, limits: CheckLimits) -> Judgement:
    """Judge a stream.

    What the scan and the structure say is certain, but for a reading of the records that is one of several: then what
    it says is a guess. All that is open goes to the search.
    """
    judgement = one_stream.judge(stream)
    guessed = judgement.chain.placement.guessed
    if judgement.findings.any and (not guessed or not agrees(judgement)):
        return judgement
    if not (
        guessed
        or judgement.answers.apart
        or judgement.undetermined
        or _first_token_matters(judgement)
        or _pipelined(stream)
    ):
        return judgement
    limits.progress(f"searching ({stream.name})")
    decision = decide(judgement.chain, judgement.answers, judgement.claims, Spending(limits.budget, limits.progress))
    judgement.decision = decision
    if decision.ending is Ending.EXHAUSTED:
        if guessed or stream.token == UNKNOWN:
            judgement = worlds.contradicted(judgement)
        if not judgement.findings.any:
            accuse(judgement, decision)
        return judgement
    judgement.findings.clear()
    if decision.ending is Ending.UNDECIDED:
        judgement.reasons = reasons(judgement, decision)
    return judgement


def _first_token_matters(judgement: Judgement) -> bool:
    """Is the first token unknown, and named by operations that may have met it?

    Where an append that took effect gave it, it is known.
    """
    return judgement.tokens.initial == UNKNOWN and bool(worlds.named_tokens(judgement))


def _pipelined(stream: Stream) -> bool:
    """Is there an order beyond the clock's that the scan does not see?

    An append session with a batch of which nobody knows whether it was applied, operations with several before them, or
    with an answer in parts before them.
    """
    outcome = stream.history.outcome
    if any(outcome[row] == Outcome.INDEFINITE for batches in batches_of_sessions(stream) for row in batches):
        return True
    tied = ties(stream)
    in_parts = bool((stream.history.part_of[stream.rows] != NONE).any())
    return bool(tied) and (in_parts or any(len(before) > 1 for before in tied.values()))
