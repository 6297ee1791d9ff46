"""Reads of the whole stream of which only a hash was kept: it must be that of what is known to stand there."""

from __future__ import annotations

import numpy as np

from ..chain.contents import hash_before
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
    begin = judgement.stream.tail
    positions = chain.contents.axis.find(np.arange(begin, max(int(tails.max()), begin)))[0]
    digests = chain.contents.digest[positions].tolist()
    chained, at = hash_before(judgement.stream, chain.contents), begin
    for row, tail, told in zip(
        rows[order].tolist(), tails[order].tolist(), history.reads.stream_hash[rows[order]].tolist(), strict=True
    ):
        if tail < begin:
            continue  # no such tail: told elsewhere
        chained = told if chained is None else folded(chained, digests[at - begin : tail - begin])
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
