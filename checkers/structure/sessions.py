"""Append sessions: their batches stand in their order, and none after the session had failed."""

from __future__ import annotations

from itertools import pairwise

from fencepost.harness.history.history import NONE, Outcome

from ..chain.ties import batches_of_sessions, parts_of_answers
from ..explanation.sentences import Witness, sentence
from ..judgement import Judgement


def check(judgement: Judgement) -> None:
    """session-order, session-poison, and nonmonotonic-poll where the parts of an answer tell tails that go back."""
    _batches(judgement)
    _tails(judgement)


def _batches(judgement: Judgement) -> None:
    sessions = batches_of_sessions(judgement.stream)
    if not sessions:
        return
    batches = judgement.chain.batches
    legal = batches.legal
    places = dict(zip(batches.row[legal].tolist(), batches.start[legal].tolist(), strict=True))
    disordered, poisoned = [], []
    for members in sessions:
        placed = [(row, places[row]) for row in members if row in places]
        disordered += [(one, other) for (one, at), (other, then) in pairwise(placed) if then < at]
        failed = next((row for row in members if judgement.history.outcome[row] == Outcome.FAILED), NONE)
        if failed != NONE:
            poisoned += [(failed, row) for row, _ in placed if row > failed]
    for one, other in judgement.findings.few("session-order", disordered):
        _disorder(judgement, one, other, places)
    for failed, row in judgement.findings.few("session-poison", poisoned):
        _poison(judgement, failed, row, places[row])


def _disorder(judgement: Judgement, one: int, other: int, places: dict[int, int]) -> None:
    teller = judgement.teller(one, other)
    text = (
        f"{teller.who(other)} was sent after {teller.name(one)} in the same session, "
        f"but stands at {places[other]}, before {places[one]}"
    )
    order = teller.edge(one, other, "session", f"{teller.name(one)} comes first in the session")
    stands = f"{teller.name(other)} stands at {places[other]} and {teller.name(one)} at {places[one]}"
    back = teller.edge(other, one, "ww", stands)
    sentences = (sentence(text), teller.told(one), teller.told(other), teller.contradiction([order, back]))
    judgement.findings.add("session-order", Witness((one, other), sentences, (order, back)), places[other])


def _poison(judgement: Judgement, failed: int, row: int, place: int) -> None:
    teller = judgement.teller(failed, row)
    text = f"{teller.who(row)} took effect at {place}, although its session had failed with {teller.name(failed)}"
    edge = teller.edge(failed, row, "session", f"{teller.name(failed)} failed before {teller.name(row)} in the session")
    sentences = (sentence(text), teller.told(failed), teller.told(row))
    judgement.findings.add("session-poison", Witness((failed, row), sentences, (edge,)), place)


def _tails(judgement: Judgement) -> None:
    history, reads = judgement.history, judgement.history.reads
    tail, offset = reads.tail, reads.offset
    offenders = []
    for parts in parts_of_answers(judgement.stream):
        greatest, by = NONE, NONE
        for row in parts:
            if tail[row] != NONE and tail[row] < greatest:
                offenders.append((by, row, greatest))
            last = int(reads.seq_num[offset[row + 1] - 1]) + 1 if offset[row + 1] > offset[row] else NONE
            if max(int(tail[row]), last) > greatest:
                greatest, by = max(int(tail[row]), last), row
        start = NONE if reads.clamp[parts[0]] else int(reads.from_seq_num[parts[0]])
        if start > greatest:  # it waited there, so that the tail had got so far
            greatest, by = start, parts[0]
        if NONE != history.observed_tail[parts[-1]] < greatest:  # it ended with a refusal, which names the tail
            offenders.append((by, parts[-1], greatest))
    for one, other, reached in judgement.findings.few("nonmonotonic-poll", offenders):
        _back(judgement, one, other, reached)


def _back(judgement: Judgement, one: int, other: int, reached: int) -> None:
    history = judgement.history
    teller = judgement.teller(one, other)
    told = max(int(history.reads.tail[other]), int(history.observed_tail[other]))
    text = (
        f"{teller.name(other)} told the tail {told}, after {teller.name(one)} of the same answer had reached {reached}"
    )
    witness = Witness((one, other), (sentence(text), teller.told(one), teller.told(other)))
    judgement.findings.add("nonmonotonic-poll", witness, told)
