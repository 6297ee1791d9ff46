"""One stream: its chain, what must hold of it, and the scan."""

from __future__ import annotations

from ..chain.chain import build
from ..chain.claims import claims, complete
from ..chain.in_force import chain_tokens
from ..chain.stream import Stream, among
from ..chain.unplaced import unplaced
from ..domains.domains import Proof
from ..domains.proofs import Proofs, strict, wide
from ..domains.reading import answers
from ..explanation.findings import Findings
from ..holes import find_holes
from ..judgement import Judgement
from ..kernel.columns import Requirements
from ..structure import acknowledgements, bad_reads, existence, hashes, reads, records, sessions, tails, timestamps
from ..structure import tokens as token_checks
from .contradictions import accuse
from .scan import Scan, scan


def judge(stream: Stream, asked: Requirements, reading: int = 0) -> Judgement:
    """Judge a stream by one reading of its records (see :func:`~..chain.placement.place`).

    Where its first token is not known, it is judged as if that might be whatever each operation needs.
    """
    chain = build(stream, reading)
    told = claims(chain)
    complete(chain, told)
    tokens = chain_tokens(chain)
    found = answers(chain)
    unseen = unplaced(chain, tokens)
    certain = strict(chain, tokens, found)
    possible = wide(chain, tokens, found, unseen) if unseen.earliest() else certain
    holes = find_holes(chain, possible.observations, tokens)
    judgement = Judgement(stream, chain, tokens, told, found, possible, holes, Findings(stream), asked)
    acknowledgements.check(judgement)
    bad_reads.check(judgement)
    token_checks.check(judgement)
    records.check(judgement)
    timestamps.check(judgement)
    reads.check(judgement)
    existence.check(judgement)
    sessions.check(judgement)
    hashes.check(judgement)
    tails.check(judgement)
    _order(judgement, certain, possible)
    return judgement


def _order(judgement: Judgement, certain: Proofs, possible: Proofs) -> None:
    """As if nothing unseen had been applied: where that works, there is an order. Else with all that may have been."""
    result = _scan(judgement, certain)
    if possible is not certain and not (result.succeeds and _stands(judgement, certain, possible, result)):
        result = _scan(judgement, possible)
    accuse(judgement, result)


def _stands(judgement: Judgement, certain: Proofs, possible: Proofs, result: Scan) -> bool:
    """Are the answers of which there is no domain the same ones, and is everything else within the chain?"""
    return (
        len(certain.unexplained) == len(possible.unexplained)
        and len(certain.torn) == len(possible.torn)
        and result.greatest <= judgement.chain.end
        and not _torn_apart(certain)
        and _inside(judgement, certain) == _inside(judgement, possible)
    )


def _torn_apart(proofs: Proofs) -> bool:
    """Does a read tell two tails, the greater first? Alone it fails, and the scan looks at what came before."""
    observations = proofs.observations
    reads = observations.proof > Proof.SEEN_APPEND
    return bool((reads & (observations.lower > observations.upper)).any())


def _inside(judgement: Judgement, proofs: Proofs) -> int:
    """How many answers name a tail inside a batch?"""
    observations, batches = proofs.observations, judgement.chain.batches
    tails = observations.lower[observations.boundaries]
    at, inside = batches.containing(tails)
    return int((inside & (tails > batches.start[at])).sum()) if len(batches.row) else 0


def _scan(judgement: Judgement, proofs: Proofs) -> Scan:
    observations, unions = proofs.observations, proofs.unions
    if judgement.accused:
        accused = among(judgement.history, observations.row, judgement.accused)
        observations = observations.where(~accused | (observations.proof <= Proof.SEEN_APPEND))
        unions = unions.where(~among(judgement.history, unions.row, judgement.accused))
    return scan(judgement.stream, observations, unions)
