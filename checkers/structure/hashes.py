"""Reads of the whole stream of which only a hash was kept: it must be that of what is known to stand there."""

from __future__ import annotations

import numpy as np

from ..chain.hashes import folded
from ..explanation.sentences import Witness, sentence
from ..judgement import Judgement


def check(judgement: Judgement) -> None:
    """inconsistent-offsets, where everything below the tail that was read is known. What is not is searched."""
    history, chain = judgement.history, judgement.chain
    rows = judgement.stream.rows[history.reads.hashed[judgement.stream.rows]]
    tails = history.observed_tail[rows]
    known = tails <= int(chain.covered[1][0])
    rows, tails = rows[known], tails[known]
    if not len(rows):
        return
    offenders = []
    order = np.argsort(tails, kind="stable")
    positions = chain.contents.axis.find(np.arange(int(tails.max())))[0]
    digests = chain.contents.digest[positions].tolist()
    chained = at = 0
    for row, tail, told in zip(
        rows[order].tolist(), tails[order].tolist(), history.reads.stream_hash[rows[order]].tolist(), strict=True
    ):
        chained = folded(chained, digests[at:tail])
        at = tail
        if told != chained:
            offenders.append((row, tail))
    judgement.accused.update(row for row, _ in offenders)
    for row, tail in judgement.findings.few("inconsistent-offsets", sorted(offenders)):
        teller = judgement.teller(row)
        text = (
            f"{teller.who(row)} returned {tail:,} records, but by their hash these are not the "
            f"{tail:,} records that were acknowledged there"
        )
        witness = Witness((row,), (sentence(text), teller.told(row)))
        judgement.findings.add("inconsistent-offsets", witness, tail)
