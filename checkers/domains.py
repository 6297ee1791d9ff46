"""What each answer proves about the tail: a lower and an upper bound at some moment of the operation.

An exact tail has both equal. An append at ``[p, q)`` moves the tail: it needs the tail to be at most p when it
is invoked, and it is at least q when it has returned. Refusals that report a token have a union of slots as
their domain and are kept apart: see :mod:`.tokens`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import FOREVER, NONE, Int64s, Kind, Outcome, UInt8s

from .chain import Chain
from .stream import Stream
from .trims import TrimPoints

RECORDS: Final = 1000
"""The implicit bound of a unary read, in records."""

BYTES: Final = 1024 * 1024
"""The implicit bound of a unary read, in metered bytes."""


class Proof(IntEnum):
    """What kind of answer an observation comes from."""

    APPEND = 0
    SEEN_APPEND = 1
    ACK_TAIL = 2
    CHECK_TAIL = 3
    READ = 4
    READ_START = 5
    FOLLOWED = 6
    OUT_OF_RANGE = 7
    SEQ_NUM_MISMATCH = 8
    TOKEN_MISMATCH = 9


@dataclass(frozen=True, slots=True)
class Observations:
    """One entry an observation, of operation ``row``, ascending by row within a kind of proof.

    The tail was ≥ ``lower`` and ≤ ``upper`` (FOREVER: unbounded) at some moment between invocation and
    ``returned``; for appends it moved from ``upper`` to ``lower``. ``returned`` is FOREVER for what binds
    nobody later.
    """

    row: Int64s
    proof: UInt8s
    lower: Int64s
    upper: Int64s
    invoked: Int64s
    returned: Int64s

    def __len__(self) -> int:
        return len(self.row)

    def where(self, mask: NDArray[np.bool_]) -> Observations:
        """Some of them."""
        columns = (self.row, self.proof, self.lower, self.upper, self.invoked, self.returned)
        return Observations(*(column[mask] for column in columns))

    @property
    def exact(self) -> NDArray[np.bool_]:
        """Which name one tail."""
        return (self.lower == self.upper) & (self.proof > Proof.SEEN_APPEND)


@dataclass(frozen=True, slots=True)
class ReadAnswers:
    """Reads that returned records (rows ascending), and what bounds them.

    ``first``, ``last`` are the seq_nums at the ends of the answer, ``count`` and ``metered`` its records and
    bytes, ``until``, ``most`` and ``most_bytes`` what bounded it, ``trimmed`` the greatest trim point that may
    have been in force by its return.
    """

    row: Int64s
    first: Int64s
    last: Int64s
    count: Int64s
    metered: Int64s
    most: Int64s
    most_bytes: Int64s
    trimmed: Int64s


def read_answers(stream: Stream, rows: Int64s, trims: TrimPoints) -> ReadAnswers:
    """The answers of reads; ``first`` and ``last`` are NONE for an empty one."""
    history, reads = stream.history, stream.history.reads
    begin, end = reads.offset[rows], reads.offset[rows + 1]
    count = end - begin
    total = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(reads.size, dtype=np.int64)))
    filled = count > 0
    first, last = np.full(len(rows), NONE, dtype=np.int64), np.full(len(rows), NONE, dtype=np.int64)
    first[filled] = reads.seq_num[begin[filled]]
    last[filled] = reads.seq_num[end[filled] - 1]
    limit, limit_bytes = reads.count[rows], reads.bytes[rows]
    return ReadAnswers(
        row=rows,
        first=first,
        last=last,
        count=count,
        metered=total[end] - total[begin],
        most=np.where(limit == NONE, RECORDS, np.minimum(limit, RECORDS)),
        most_bytes=np.where(limit_bytes == NONE, BYTES, np.minimum(limit_bytes, BYTES)),
        trimmed=trims.by(history.returned[rows]),
    )


def would_hold(chain: Chain, answers: ReadAnswers, position: Int64s) -> NDArray[np.bool_]:
    """Would each answer, for certain, hold the record at ``position`` too, had it been there?

    It must be known, not trimmed, within count and bytes, and of a timestamp below ``until``.
    """
    held, reads = chain.contents, chain.stream.history.reads
    at, known = held.axis.find(position)
    if not held.axis.size:
        return known
    until = reads.until[answers.row]
    timestamp = _latest_timestamp(chain, position, at, known)
    return (
        known
        & (position >= answers.trimmed)
        & (answers.count < answers.most)
        & (answers.metered + held.size[at] <= answers.most_bytes)
        & ((until == NONE) | ((timestamp != NONE) & (timestamp < until)))
    )


def _latest_timestamp(chain: Chain, position: Int64s, at: Int64s, known: NDArray[np.bool_]) -> Int64s:
    """The record's timestamp, or where nobody told it the batch's last, which is no less; NONE if unknown."""
    held, appends = chain.contents, chain.stream.history.appends
    timestamp = np.where(known, held.timestamp[at], NONE)
    owner = np.where(known, held.owner[at], NONE)
    unknown = (timestamp == NONE) & (owner != NONE)
    timestamp[unknown] = appends.end_timestamp[owner[unknown]]
    return timestamp


def observations(chain: Chain, trims: TrimPoints) -> Observations:
    """All that the operations of the stream prove, but for refusals that report a token."""
    stream, history = chain.stream, chain.stream.history
    rows, appends = stream.rows, history.appends
    parts: list[tuple[Int64s, Proof, Int64s, Int64s]] = []

    legal = chain.batches.row[chain.batches.legal]
    start, end = chain.batches.start[chain.batches.legal], chain.batches.end[chain.batches.legal]
    # An impossible acknowledgement binds nobody: its append is taken for one of unknown outcome.
    acked = appends.start[legal] == start
    parts.append((legal[acked], Proof.APPEND, end[acked], start[acked]))
    parts.append((legal[~acked], Proof.SEEN_APPEND, end[~acked], start[~acked]))

    beyond = legal[acked & (appends.tail[legal] > end)]
    parts.append((beyond, Proof.ACK_TAIL, appends.tail[beyond], appends.tail[beyond]))
    tails = rows[history.observed_tail[rows] != NONE]
    for proof, kind in ((Proof.CHECK_TAIL, Kind.CHECK_TAIL), (Proof.OUT_OF_RANGE, Kind.READ)):
        some = tails[history.kind[tails] == kind]
        parts.append((some, proof, history.observed_tail[some], history.observed_tail[some]))
    refused = rows[history.seq_num_mismatch[rows] != NONE]
    reported = history.seq_num_mismatch[refused]
    parts.append((refused, Proof.SEQ_NUM_MISMATCH, reported, reported))
    parts += _of_reads(chain, trims)
    return _gather(chain, parts)


def _of_reads(chain: Chain, trims: TrimPoints) -> list[tuple[Int64s, Proof, Int64s, Int64s]]:
    stream, reads = chain.stream, chain.stream.history.reads
    offset = reads.offset
    filled = offset[stream.reads + 1] > offset[stream.reads]
    answers = read_answers(stream, stream.reads[filled], trims)
    rows, lower = answers.row, answers.last + 1
    exact = (reads.wait[rows] <= 0) & would_hold(chain, answers, lower)
    parts = [(rows, Proof.READ, lower, np.where(exact, lower, FOREVER))]

    by_offset = (reads.from_seq_num[rows] == NONE) & (reads.from_timestamp[rows] == NONE)
    relative = np.flatnonzero(by_offset)
    tail = answers.first[relative] + np.maximum(reads.tail_offset[rows[relative]], 0)
    # At the very beginning, or at a trim point, the start may have been cut off there.
    free = answers.first[relative] > answers.trimmed[relative]
    parts.append((rows[relative], Proof.READ_START, np.where(free, tail, 0), tail))

    clamped = np.flatnonzero(reads.clamp[rows] & (answers.first < reads.from_seq_num[rows]))
    tail = answers.first[clamped]
    parts.append((rows[clamped], Proof.READ_START, tail, tail))

    empty = stream.reads[~filled]
    start = reads.from_seq_num[empty]
    told = (start != NONE) & ~((reads.wait[empty] > 0) & reads.clamp[empty])
    empty, start = empty[told], start[told]
    lower = np.where(reads.wait[empty] > 0, start, start + 1)
    parts.append((empty, Proof.READ, lower, np.full(len(empty), FOREVER)))

    followed = stream.reads[reads.tail[stream.reads] != NONE]
    parts.append((followed, Proof.FOLLOWED, reads.tail[followed], np.full(len(followed), FOREVER)))
    return parts


def _gather(chain: Chain, parts: list[tuple[Int64s, Proof, Int64s, Int64s]]) -> Observations:
    history = chain.stream.history
    row = np.concatenate([rows for rows, *_ in parts])
    proof = np.repeat(np.array([proof for _, proof, *_ in parts], dtype=np.uint8), [len(rows) for rows, *_ in parts])
    unbound = (proof == Proof.SEEN_APPEND) | (history.outcome[row] == Outcome.INDEFINITE)
    return Observations(
        row=row,
        proof=proof,
        lower=np.concatenate([lower for _, _, lower, _ in parts]),
        upper=np.concatenate([upper for *_, upper in parts]),
        invoked=history.invoked[row],
        returned=np.where(unbound, FOREVER, history.returned[row]),
    )
