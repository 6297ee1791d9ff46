"""Answers that name a state which cannot be: by their own body, inside a batch, in a hole that nobody can fill."""

from __future__ import annotations

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE, Int64s, Kind

from ..chain.axis import distinct
from ..chain.stream import UNKNOWN
from ..domains.domains import Proof
from ..explanation.sentences import Witness, sentence
from ..judgement import Judgement
from .tokens import fences_of


def check(judgement: Judgement) -> None:
    """spurious-rejection, wrong-mismatch, phantom-fence, torn-batch (a tail inside a batch), holes nobody filled."""
    _seq_num_refusals(judgement)
    _token_refusals(judgement)
    _out_of_range(judgement)
    _two_tails(judgement)
    _inside(judgement)
    _holes(judgement)


def _accuse(judgement: Judgement, anomaly: str, rows: Int64s, why: str, position: bool = True) -> None:
    """Rows whose own answer gives them away. ``why`` is completed with their ``asked`` and ``told``."""
    history = judgement.history
    judgement.accused.update(rows.tolist())
    for row in judgement.findings.few(anomaly, rows.tolist(), rows.tolist()):
        teller = judgement.teller(row)
        text = f"{teller.who(row)} {why}"
        tail = int(history.seq_num_mismatch[row]) if position else NONE
        judgement.findings.add(
            anomaly, Witness((row,), (sentence(text), teller.told(row))), None if tail == NONE else tail
        )


def _seq_num_refusals(judgement: Judgement) -> None:
    history, rows = judgement.history, judgement.stream.failed
    appends = history.appends
    rows = rows[history.seq_num_mismatch[rows] != NONE]
    tail, match, token = history.seq_num_mismatch[rows], appends.match_seq_num[rows], appends.token[rows]
    _accuse(judgement, "wrong-mismatch", rows[match == NONE], "was refused for its match_seq_num, and gave none")
    _unconditional(judgement)
    _accuse(judgement, "spurious-rejection", rows[match == tail], "was refused with the very tail that it asked for")
    in_force = judgement.tokens.at(tail)
    wrong = (match != NONE) & (match != tail) & (token != NONE) & (in_force != token) & (in_force != UNKNOWN)
    excused = judgement.tokens_of_lost_fences()
    offenders = [
        at
        for at in np.flatnonzero(wrong).tolist()
        if int(token[at]) not in excused and int(token[at]) not in judgement.uncertain_tokens(int(tail[at]))
    ]
    judgement.accused.update(int(rows[at]) for at in offenders)
    for at in judgement.findings.few("wrong-mismatch", offenders, rows[offenders].tolist()):
        _token_unchecked(judgement, int(rows[at]), int(tail[at]), int(in_force[at]))


def _unconditional(judgement: Judgement) -> None:
    """Refused for a condition, it is not said which, without having given one."""
    rows, appends = judgement.stream.refused, judgement.history.appends
    rows = rows[(appends.match_seq_num[rows] == NONE) & (appends.token[rows] == NONE)]
    silent = (judgement.history.seq_num_mismatch[rows] == NONE) & (judgement.history.token_mismatch[rows] == NONE)
    _accuse(judgement, "spurious-rejection", rows[silent], "was refused for a condition, and gave none")


def _token_unchecked(judgement: Judgement, row: int, tail: int, in_force: int) -> None:
    setter = judgement.tokens.setter(tail)
    given = int(judgement.history.appends.token[row])
    known = setter != NONE and bool(judgement.tokens.slots(given).starts)
    teller = judgement.teller(row, setter)
    by = "from the beginning" if setter == NONE else f"set by {teller.name(setter)}"
    text = (
        f"{teller.who(row)} was refused for its match_seq_num at the tail {tail}, where its token should have been "
        f"refused first: the token there is {teller.token(in_force)}, {by}"
    )
    rows = (setter, row) if known else (row,)
    context = [one for one in (setter, *fences_of(judgement, given, tail)) if one not in (NONE, *rows)]
    told = [teller.told(one) for one in (setter, row) if one != NONE]
    witness = Witness(rows, (sentence(text), *told), context=tuple(dict.fromkeys(context)))
    judgement.findings.add("wrong-mismatch", witness, tail)


def _token_refusals(judgement: Judgement) -> None:
    history, rows = judgement.history, judgement.stream.failed
    rows = rows[history.token_mismatch[rows] != NONE]
    token, given = history.token_mismatch[rows], history.appends.token[rows]
    _accuse(judgement, "wrong-mismatch", rows[given == NONE], "was refused for its fencing token, and gave none", False)
    _accuse(
        judgement, "spurious-rejection", rows[given == token], "was refused with the very token that it gave", False
    )
    last = history.appends.last_fence
    possible = {int(last[row]) for row in (*judgement.chain.unused, *judgement.chain.facts.lost)}
    phantom = [
        at
        for at, value in enumerate(token.tolist())
        if given[at] not in (NONE, value) and not judgement.tokens.slots(value).starts and value not in possible
    ]
    _accuse(
        judgement, "phantom-fence", rows[phantom], "was refused with a token in force that no fence ever set", False
    )


def _out_of_range(judgement: Judgement) -> None:
    """A 416 to a start below the tail that it reports."""
    history, reads, rows = judgement.history, judgement.history.reads, judgement.stream.rows
    rows = rows[(history.kind[rows] == Kind.READ) & (history.observed_tail[rows] != NONE) & ~reads.hashed[rows]]
    tail, start = history.observed_tail[rows], reads.from_seq_num[rows]
    by_offset = (start == NONE) & (reads.from_timestamp[rows] == NONE)
    below = (start != NONE) & (start < tail)
    below |= by_offset & (reads.tail_offset[rows] > 0) & (tail > 0)
    _accuse(
        judgement, "spurious-rejection", rows[below], "was refused as out of range, yet its start is below the tail"
    )
    by_seq_num = start != NONE
    follows = (reads.wait[rows] > 0) & ~below & ((by_seq_num & (reads.clamp[rows] | (start == tail))) | by_offset)
    _accuse(judgement, "spurious-rejection", rows[follows], "was refused at the tail, yet it was to wait there")


def _two_tails(judgement: Judgement) -> None:
    """A read whose start tells one tail and whose end, or the tail that it reports, a lower one."""
    observations, history, found = judgement.observations, judgement.history, judgement.answers
    reads = (observations.proof == Proof.READ) | (observations.proof == Proof.READ_START)
    alone = reads & (observations.lower > observations.upper)
    behind = found.waits & (history.reads.tail[found.row] != NONE) & (history.reads.tail[found.row] < found.after)
    behind &= found.count > 0
    rows = distinct(np.concatenate((observations.row[alone], found.row[behind])))
    judgement.accused.update(rows.tolist())
    early = set(found.row[found.gap != NONE].tolist())
    for row in judgement.findings.few("over-trim", [row for row in rows.tolist() if row in early]):
        teller = judgement.teller(row)
        text = f"{teller.who(row)} left out records that were trimmed, if at all, only after where it ended"
        judgement.findings.add("over-trim", Witness((row,), (sentence(text), teller.told(row))))
    for row in judgement.findings.few("nonmonotonic-read", [row for row in rows.tolist() if row not in early]):
        teller = judgement.teller(row)
        low, high = _tails_told(judgement, row)
        text = (
            f"{teller.who(row)} tells two tails: by where it starts or what it returned the stream had got to {high}, "
            f"but by where it ends no further than {low}"
        )
        judgement.findings.add("nonmonotonic-read", Witness((row,), (sentence(text), teller.told(row))))


def _tails_told(judgement: Judgement, row: int) -> tuple[int, int]:
    """The least and the greatest tail that the answer to a read speaks of."""
    observations, found = judgement.observations, judgement.answers
    mine = observations.row == row
    low = int(observations.upper[mine].min(initial=FOREVER))
    high = int(observations.lower[mine].max(initial=NONE))
    tail = int(judgement.history.reads.tail[row])
    if tail != NONE:
        low, high = min(low, tail), max(high, int(found.after[found.row == row].max(initial=NONE)))
    return low, high


def _inside(judgement: Judgement) -> None:
    """An exact tail inside a batch: the batch was not applied at once."""
    observations, batches = judgement.observations, judgement.chain.batches
    exact = np.flatnonzero(observations.boundaries)
    at, inside = batches.containing(observations.lower[exact])
    if not len(batches.row):
        return
    inside &= observations.lower[exact] > batches.start[at]
    if not inside.any():
        return
    appends, lost = judgement.history.appends, list(judgement.chain.facts.lost)
    inside &= ~np.isin(observations.lower[exact], np.concatenate((appends.start[lost], appends.end[lost])))
    found: dict[str, list[tuple[int, int, int]]] = {}
    for i in np.flatnonzero(inside).tolist():
        row, batch = int(observations.row[exact[i]]), int(at[i])
        if row in judgement.accused:
            continue
        anomaly = "wrong-mismatch" if observations.proof[exact[i]] == Proof.SEQ_NUM_MISMATCH else "torn-batch"
        found.setdefault(anomaly, []).append((row, batch, int(observations.lower[exact[i]])))
    for anomaly, offenders in found.items():
        judgement.accused.update(row for row, *_ in offenders)
        for row, batch, tail in judgement.findings.few(anomaly, offenders, [row for row, *_ in offenders]):
            _tell_inside(judgement, anomaly, row, batch, tail)


def _tell_inside(judgement: Judgement, anomaly: str, row: int, batch: int, tail: int) -> None:
    batches = judgement.chain.batches
    append = int(batches.row[batch])
    teller = judgement.teller(append, row)
    place = teller.place(int(batches.start[batch]), int(batches.end[batch]))
    text = f"{teller.name(row)} found the tail at {tail}, inside the batch of {teller.who(append)} at {place}"
    rows = tuple(dict.fromkeys((append, row)))
    witness = Witness(rows, (sentence(text), *(teller.told(one) for one in rows)), culprit=row, suspects=(append,))
    judgement.findings.add(anomaly, witness, tail)


def _holes(judgement: Judgement) -> None:
    """Positions that must exist, and that no append of the history can have written."""
    for hole in judgement.holes:
        if hole.fillable:
            continue
        at = np.flatnonzero(judgement.observations.lower >= hole.end)
        if not len(at):
            continue  # what proves that it is there was accused for other reasons
        order = np.argsort(judgement.observations.lower[at] * 1.0, kind="stable")
        nearest = int(at[order[0]])
        row, proof = int(judgement.observations.row[nearest]), int(judgement.observations.proof[nearest])
        before = judgement.chain.batches.end == hole.start
        known = [int(r) for r in judgement.chain.batches.row[before]][:1]
        if row in judgement.accused:
            continue
        teller = judgement.teller(row, *known)
        place, one = teller.place(hole.start, hole.end), hole.end == hole.start + 1
        text = (
            f"{teller.who(row)} proves that {place} {'was' if one else 'were'} written, but no append of this history "
            f"can have written {'it' if one else 'them'}: each stands elsewhere, failed, came later or does not fit"
        )
        rows = tuple(dict.fromkeys((*known, row)))
        witness = Witness(rows, (sentence(text), *(teller.told(one) for one in rows)))
        if proof not in (Proof.APPEND, Proof.ACK_TAIL):
            judgement.accused.add(row)
        for _ in judgement.findings.few(_hole_anomaly(proof), [hole]):
            judgement.findings.add(_hole_anomaly(proof), witness, hole.start)


def _hole_anomaly(proof: int) -> str:
    if proof in (Proof.APPEND, Proof.ACK_TAIL):
        return "bad-ack"
    return "wrong-mismatch" if proof == Proof.SEQ_NUM_MISMATCH else "future-read"
