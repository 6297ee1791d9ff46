"""What acknowledgements say: lengths, overlaps, and the conditions under which they were given."""

from __future__ import annotations

import numpy as np

from fencepost.harness.history.history import NONE

from ..explanation.sentences import Witness, sentence
from ..judgement import Judgement


def check(judgement: Judgement) -> None:
    """bad-ack, match-violation and lost-update."""
    _impossible(judgement)
    _short_tails(judgement)
    _overlaps(judgement)
    _matches(judgement)
    _updates(judgement)


def _impossible(judgement: Judgement) -> None:
    appends, impossible = judgement.history.appends, judgement.chain.source.impossible.tolist()
    for row in judgement.findings.few("bad-ack", impossible, impossible):
        number = int(appends.offset[row + 1] - appends.offset[row])
        start, end = int(appends.start[row]), int(appends.end[row])
        teller = judgement.teller(row)
        if end - start != number or not number:
            what = f"acknowledges [{start}, {end}), but it sent {number} {'record' if number == 1 else 'records'}"
        else:
            what = f"was acknowledged at {start}, but the stream's tail was {judgement.stream.tail} from the beginning"
        judgement.findings.add(
            "bad-ack", Witness((row,), (sentence(f"{teller.who(row)} {what}"), teller.told(row))), start
        )
        judgement.accused.add(row)


def _short_tails(judgement: Judgement) -> None:
    appends, rows = judgement.history.appends, judgement.stream.acked
    short = rows[appends.tail[rows] < appends.end[rows]]
    for row in judgement.findings.few("bad-ack", short.tolist(), short.tolist()):
        teller = judgement.teller(row)
        text = (
            f"{teller.who(row)} was acknowledged up to {int(appends.end[row])}, "
            f"yet with the tail {int(appends.tail[row])} below that"
        )
        judgement.findings.add("bad-ack", Witness((row,), (sentence(text), teller.told(row))), int(appends.end[row]))


def _overlaps(judgement: Judgement) -> None:
    appends, rows = judgement.history.appends, judgement.chain.source.acked
    order = rows[np.argsort(appends.start[rows], kind="stable")]
    if len(order) < 2:
        return
    reach = np.maximum.accumulate(appends.end[order])
    over = np.flatnonzero(reach[:-1] > appends.start[order[1:]]) + 1
    for at in judgement.findings.few("bad-ack", over.tolist(), order[over].tolist()):
        before = int(np.flatnonzero(reach[:at] == reach[at - 1])[0])
        first, second = sorted((int(order[before]), int(order[at])))
        teller = judgement.teller(first, second)
        start = int(appends.start[order[at]])
        end = int(min(appends.end[order[at]], reach[at - 1]))
        text = (
            f"{teller.who(first)} and {teller.who(second)} were both acknowledged at "
            f"{teller.place(start, end)}: a position holds one record"
        )
        sentences = (sentence(text), teller.told(first), teller.told(second))
        judgement.findings.add("bad-ack", Witness((first, second), sentences, suspects=(first, second)), start)


def _matches(judgement: Judgement) -> None:
    appends, batches = judgement.history.appends, judgement.chain.batches
    acked = judgement.stream.acked
    seen = batches.legal & (appends.start[batches.row] == NONE)
    rows = np.concatenate((acked, batches.row[seen]))
    start = np.concatenate((appends.start[acked], batches.start[seen]))
    match = appends.match_seq_num[rows]
    wrong = np.flatnonzero((match != NONE) & (match != start))
    for at in judgement.findings.few("match-violation", wrong.tolist(), rows[wrong].tolist()):
        row = int(rows[at])
        teller = judgement.teller(row)
        took = "was accepted at" if appends.start[row] != NONE else "took effect at"
        text = f"{teller.who(row)} {took} {int(start[at])}, although it asked for {int(match[at])}"
        judgement.findings.add("match-violation", Witness((row,), (sentence(text), teller.told(row))), int(start[at]))


def _updates(judgement: Judgement) -> None:
    appends, batches = judgement.history.appends, judgement.chain.batches
    seen = batches.legal & (appends.start[batches.row] == NONE)
    rows = np.concatenate((judgement.stream.acked, batches.row[seen]))
    rows = rows[appends.match_seq_num[rows] != NONE]
    rows = rows[np.argsort(appends.match_seq_num[rows], kind="stable")]
    match = appends.match_seq_num[rows]
    again = np.flatnonzero(match[1:] == match[:-1])
    # Where one of the two stands elsewhere than it asked for, that one is to blame.
    elsewhere = appends.start[rows[again]] != match[again]
    culprits = np.where(elsewhere, rows[again], rows[again + 1])
    for at in judgement.findings.few("lost-update", again.tolist(), culprits.tolist()):
        first, second = int(rows[at]), int(rows[at + 1])
        teller = judgement.teller(first, second)
        text = (
            f"{teller.who(first)} and {teller.who(second)} were both accepted: "
            f"the tail is {int(match[at])} for one of them only"
        )
        sentences = (sentence(text), teller.told(first), teller.told(second))
        judgement.findings.add(
            "lost-update", Witness((first, second), sentences, suspects=(first, second)), int(match[at])
        )
