"""Reads of the whole stream of which only a hash was kept: it must be that of what is known to stand there."""

from __future__ import annotations

import numpy as np

from fencepost.harness.history.chain_hash import fold
from fencepost.harness.history.history import Int64s

from ..chain.contents import hash_before
from ..chain.hashes import of_prefixes
from ..explanation.sentences import Witness, sentence
from ..judgement import Judgement


def check(judgement: Judgement) -> None:
    """aborted-read, and inconsistent-offsets where everything below the tail that was read is known."""
    _aborted(judgement)
    history, chain = judgement.history, judgement.chain
    rows = judgement.stream.rows[history.reads.hashed[judgement.stream.rows]]
    tails = history.observed_tail[rows]
    known = tails <= int(chain.covered[1][0])
    rows, tails = rows[known], tails[known]
    if not len(rows):
        return
    inside = tails >= judgement.stream.tail  # where there was no such tail, that is told elsewhere
    offenders = _offenders(judgement, rows[inside], tails[inside])
    judgement.accused.update(row for row, _ in offenders)
    for row, tail in judgement.findings.few("inconsistent-offsets", sorted(offenders)):
        teller = judgement.teller(row)
        text = (
            f"{teller.who(row)} returned {tail:,} records, but by their hash these are not the "
            f"{tail:,} records that were acknowledged there"
        )
        witness = Witness((row,), (sentence(text), teller.told(row)))
        judgement.findings.add("inconsistent-offsets", witness, tail)


def _aborted(judgement: Judgement) -> None:
    """A hash that is right only with the records of an append that failed for certain, right after what is known."""
    history, chain, stream = judgement.history, judgement.chain, judgement.stream
    appends, end = history.appends, int(chain.covered[1][0])
    before = hash_before(stream, chain.contents)
    rows = stream.rows[history.reads.hashed[stream.rows]]
    rows = rows[(history.observed_tail[rows] > end) & (end >= stream.tail)]
    if before is None or not len(rows) or not len(stream.failed):
        return
    known = fold(chain.contents.digest[chain.contents.axis.find(np.arange(stream.tail, end))[0]].tolist(), before)
    for row in rows.tolist():
        size, told = int(history.observed_tail[row]) - end, int(history.reads.stream_hash[row])
        for failed in stream.failed[np.diff(appends.offset)[stream.failed] == size].tolist():
            if fold(appends.digest[appends.offset[failed] : appends.offset[failed + 1]].tolist(), known) == told:
                judgement.accused.add(row)
                _tell_aborted(judgement, failed, row, end)
                break


def _tell_aborted(judgement: Judgement, failed: int, row: int, start: int) -> None:
    teller = judgement.teller(failed, row)
    place = teller.place(start, int(judgement.history.observed_tail[row]))
    text = (
        f"{teller.who(failed)} failed for certain, yet by the hash that {teller.name(row)} returned its records "
        f"stand at {place}"
    )
    edge = teller.edge(failed, row, "wr", f"{teller.name(row)} returned the records of {teller.name(failed)}")
    witness = Witness((failed, row), (sentence(text), teller.told(failed), teller.told(row)), (edge,), culprit=row)
    for _ in judgement.findings.few("aborted-read", [row]):
        judgement.findings.add("aborted-read", witness, start)


def _offenders(judgement: Judgement, rows: Int64s, tails: Int64s) -> list[tuple[int, int]]:
    """Those whose hash is another, with their tails."""
    stream, held = judgement.stream, judgement.chain.contents
    begin, told = stream.tail, judgement.history.reads.stream_hash[rows]
    if not len(rows):
        return []
    before = hash_before(stream, held)
    if before is None:  # where not all that was there before is known, the first hash is believed, and then told on
        first = int(np.argmin(tails))
        begin, before = int(tails[first]), int(told[first])
    hashes = of_prefixes(held.digest[held.axis.find(np.arange(begin, int(tails.max())))[0]], before)
    wrong = hashes[tails - begin] != told
    return list(zip(rows[wrong].tolist(), tails[wrong].tolist(), strict=True))
