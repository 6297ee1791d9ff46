"""What an answer to a read leaves out, repeats or takes back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fencepost.harness.history.history import NONE, Int64s

from ..chain.frontier import Frontier
from ..chain.stream import among
from ..domains.domains import Proof
from ..explanation.findings import FEW
from ..explanation.sentences import Witness, sentence
from ..judgement import Judgement
from .records import part


@dataclass(frozen=True, slots=True)
class Gap:
    """The answer to the read ``row`` leaves out ``[start, end)``; ``leading``: before its first record."""

    row: int
    start: int
    end: int
    leading: bool


def check(judgement: Judgement) -> None:
    """lost-write (skipped or cut off), over-trim, poll-skip, nonmonotonic-poll, resurrected-record."""
    _backward(judgement)
    gaps = _leading(judgement) + _inner(judgement)
    _resurrected(judgement, gaps)
    _skips(judgement, gaps + _missing(judgement))
    _cut_off(judgement)


def _backward(judgement: Judgement) -> None:
    source, reads = judgement.chain.source, judgement.history.reads
    same = source.read_row[1:] == source.read_row[:-1]
    back = np.flatnonzero(same & (source.read_position[1:] <= source.read_position[:-1])) + 1
    for at in judgement.findings.few("nonmonotonic-poll", back.tolist(), source.read_row[back].tolist()):
        row, position = int(source.read_row[at]), int(source.read_position[at])
        teller = judgement.teller(row)
        text = f"{teller.name(row)} returned position {position} after {int(source.read_position[at - 1])}"
        judgement.findings.add("nonmonotonic-poll", Witness((row,), (sentence(text), teller.told(row))), position)
    rows = judgement.stream.reads
    rows = rows[reads.offset[rows + 1] > reads.offset[rows]]
    first = reads.seq_num[reads.offset[rows]]
    before = (first < reads.from_seq_num[rows]) | (reads.timestamp[reads.offset[rows]] < reads.from_timestamp[rows])
    # One that was clamped to the tail, and waited there, returns whatever comes next.
    early = rows[before & ~(reads.clamp[rows] & (reads.wait[rows] > 0))]
    for row in judgement.findings.few("nonmonotonic-poll", early.tolist(), early.tolist()):
        position = int(reads.seq_num[reads.offset[row]])
        teller = judgement.teller(row)
        text = f"{teller.name(row)} returned position {position}, before where it was to start"
        judgement.findings.add("nonmonotonic-poll", Witness((row,), (sentence(text), teller.told(row))), position)


def _leading(judgement: Judgement) -> list[Gap]:
    """Between where a read was to start, or started even before, if it was clamped, and its first record."""
    found = judgement.answers
    start = judgement.history.reads.from_seq_num[found.row]
    late = np.flatnonzero((found.count > 0) & (start != NONE) & (found.first > start))
    return [Gap(int(found.row[i]), int(start[i]), int(found.first[i]), True) for i in late.tolist()]


def _missing(judgement: Judgement) -> list[Gap]:
    """Answers without any record, although one at the start would have fitted and cannot have been trimmed."""
    found = judgement.answers
    unexplained = judgement.proofs.unexplained.tolist()
    empty = np.flatnonzero(
        found.empty
        & among(judgement.history, found.row, unexplained)
        & ~among(judgement.history, found.row, judgement.accused)
    )
    return [Gap(int(found.row[i]), int(found.start[i]), int(found.start[i]) + 1, True) for i in empty.tolist()]


def _inner(judgement: Judgement) -> list[Gap]:
    source = judgement.chain.source
    same = source.read_row[1:] == source.read_row[:-1]
    jumps = np.flatnonzero(same & (source.read_position[1:] > source.read_position[:-1] + 1))
    return [
        Gap(int(source.read_row[i]), int(source.read_position[i]) + 1, int(source.read_position[i + 1]), False)
        for i in jumps.tolist()
    ]


def _skips(judgement: Judgement, gaps: list[Gap]) -> None:
    """What a read left out must lie below a trim point that may have been in force."""
    found: dict[str, list[tuple[Gap, int]]] = {}
    for gap in gaps:
        point = judgement.trims.greatest
        start = max(gap.start, point)
        if start >= gap.end:
            continue
        judgement.accused.add(gap.row)
        row = _acknowledged(judgement, start, gap.end)
        if gap.leading and judgement.trims.asked and point > gap.start:
            found.setdefault("over-trim", []).append((Gap(gap.row, start, gap.end, True), row))
        else:
            anomaly = "poll-skip" if row == NONE else "lost-write"
            found.setdefault(anomaly, []).append((Gap(gap.row, start, gap.end, gap.leading), row))
    for anomaly, offenders in found.items():
        for gap, row in judgement.findings.few(
            anomaly, offenders, [row if row != NONE else gap.row for gap, row in offenders]
        ):
            _skipped(judgement, anomaly, gap, row)


def _acknowledged(judgement: Judgement, start: int, end: int) -> int:
    """The first acknowledged append with a record in ``[start, end)``; NONE if none."""
    batches, acked = judgement.chain.batches, judgement.history.appends.start
    low, high = (int(i) for i in np.searchsorted(batches.start, [start, end]))
    rows = batches.row[max(low - 1, 0) : high]
    rows = rows[(acked[rows] != NONE) & (batches.end[max(low - 1, 0) : high] > start)]
    return int(rows[0]) if len(rows) else NONE


def _skipped(judgement: Judgement, anomaly: str, gap: Gap, row: int) -> None:
    rows = [one for one in (row, gap.row) if one != NONE]
    teller = judgement.teller(*rows)
    place = teller.place(gap.start, gap.end)
    text = f"{teller.name(gap.row)} left out {place}"
    if anomaly == "over-trim":
        text += ", although no trim that may have been in force reaches there"
    if row != NONE:
        text += f", where {teller.who(row)} was acknowledged ({part(judgement, gap.start, gap.end)})"
    told = (sentence(text), *(teller.told(one) for one in rows))
    witness = Witness(tuple(rows), told, culprit=rows[0], accused=(gap.row,))
    judgement.findings.add(anomaly, witness, gap.start)


def _resurrected(judgement: Judgement, gaps: list[Gap]) -> None:
    """A record that an earlier read had found gone, below a trim point."""
    if not gaps:
        return
    history, source = judgement.history, judgement.chain.source
    process, invoked = history.process, history.invoked
    rows = np.array([gap.row for gap in gaps])
    gone = Frontier(history.returned[rows], np.array([gap.end for gap in gaps]), NONE)
    # Of most reads the first record tells that they read nothing that was gone; those of the same instant stay in.
    found = judgement.answers
    suspects = found.row[(found.count > 0) & (found.first < gone.at(invoked[found.row] + 1))].tolist()
    whole = judgement.stream.rows[history.reads.hashed[judgement.stream.rows]].tolist()
    offenders = []
    for row in sorted((*suspects, *whole)):
        positions = source.read_position[slice(*np.searchsorted(source.read_row, [row, row + 1]))]
        if history.reads.hashed[row]:
            positions = np.arange(history.observed_tail[row])  # it read everything
        for gap in gaps:
            later = invoked[row] > history.returned[gap.row]
            later = later or (process[row] == process[gap.row] and row > gap.row)
            if later and ((positions >= gap.start) & (positions < gap.end)).any():
                offenders.append((gap, row))
                break
        if len(offenders) > FEW:
            break
    for gap, row in judgement.findings.few("resurrected-record", offenders):
        teller = judgement.teller(gap.row, row)
        place = teller.place(gap.start, gap.end)
        text = f"{teller.name(gap.row)} found {place} gone, and {teller.name(row)} read there again"
        edge = teller.real_time(gap.row, row)
        sentences = (sentence(text), teller.told(gap.row), teller.told(row), sentence(edge.because))
        skipped = _acknowledged(judgement, max(gap.start, judgement.trims.greatest), gap.end)
        suspects = () if skipped == NONE else (skipped,)
        witness = Witness((gap.row, row), sentences, (edge,), suspects=suspects)
        judgement.findings.add("resurrected-record", witness, gap.start)


def _cut_off(judgement: Judgement) -> None:
    """The last word on the tail, said by a read: acknowledged records past it that no later read returned are lost."""
    observations, history = judgement.observations, judgement.history
    said = np.flatnonzero(
        observations.exact & np.isin(observations.proof, [Proof.READ, Proof.OUT_OF_RANGE, Proof.WHOLE_READ])
    )
    if not len(said):
        return
    last = int(said[np.argmax(observations.invoked[said])])
    row, tail = int(observations.row[last]), int(observations.lower[last])
    reads = judgement.stream.reads[history.returned[judgement.stream.reads] > history.invoked[row]]
    offset = history.reads.offset
    reads = reads[offset[reads + 1] > offset[reads]]
    seen = max(tail, int(history.reads.seq_num[offset[reads + 1] - 1].max(initial=NONE)) + 1)
    batches, appends = judgement.chain.batches, history.appends
    gone = (batches.end > seen) & (appends.start[batches.row] != NONE) & batches.legal
    gone &= history.returned[batches.row] < history.invoked[row]
    offenders = batches.row[gone]
    if not len(offenders) or int(batches.start[gone].min()) > seen:
        return  # between the end that was seen and what was acknowledged nobody wrote anything: it is not cut off there
    _cut(judgement, row, offenders, seen)


def _cut(judgement: Judgement, read: int, gone: Int64s, start: int) -> None:
    first = int(gone[0])
    teller = judgement.teller(first, read)
    text = (
        f"{teller.who(first)} was acknowledged before {teller.name(read)} began, but {teller.name(read)} found the "
        f"stream to end at {start}, and nobody read further afterwards: {len(gone)} acknowledged "
        f"{'batch is' if len(gone) == 1 else 'batches are'} missing from there on (a suffix of the stream)"
    )
    edge = teller.real_time(first, read)
    sentences = (sentence(text), teller.told(first), teller.told(read), sentence(edge.because))
    lost = tuple(gone.tolist())
    witness = Witness((first, read), sentences, (edge,), culprit=first, suspects=lost, accused=lost)
    judgement.findings.add("lost-write", witness, start)
