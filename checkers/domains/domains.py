"""What each answer proves about the tail: the positions at which its operation may have taken place.

Most domains are intervals: :class:`Observations`. An exact tail has one member. An append at ``[p, q)`` moves the
tail: it needs the tail to be at most p when it is invoked, and it is at least q when it has returned. Some domains
have gaps: :class:`Unions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import FOREVER, NONE, Int64s, Kind, Outcome, UInt8s

from ..chain.chain import Chain
from ..chain.tokens import Slots


class Proof(IntEnum):
    """What kind of answer proves it."""

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
    REFUSAL = 10
    WHOLE_READ = 11


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
        return Observations(
            self.row[mask],
            self.proof[mask],
            self.lower[mask],
            self.upper[mask],
            self.invoked[mask],
            self.returned[mask],
        )

    @property
    def exact(self) -> NDArray[np.bool_]:
        """Which name one tail."""
        exact: NDArray[np.bool_] = (self.lower == self.upper) & (self.proof > Proof.SEEN_APPEND)
        return exact

    @property
    def boundaries(self) -> NDArray[np.bool_]:
        """Which name a tail that there was: exactly, or as one that a follower may lag behind."""
        named: NDArray[np.bool_] = self.exact | (self.proof == Proof.FOLLOWED)
        return named


@dataclass(frozen=True, slots=True)
class Unions:
    """Operations whose domain is a union of slots; rows ascending, so in the order of invocation.

    ``slots[key[i]]`` are those of operation ``row[i]``. An empty one cannot have taken place at all.
    """

    row: Int64s
    proof: UInt8s
    key: Int64s
    slots: list[Slots]

    def __len__(self) -> int:
        return len(self.row)

    def of(self, index: int) -> Slots:
        """The slots of an entry."""
        return self.slots[int(self.key[index])]

    def where(self, keep: NDArray[np.bool_]) -> Unions:
        """Some of them."""
        return Unions(self.row[keep], self.proof[keep], self.key[keep], self.slots)


@dataclass(frozen=True, slots=True)
class Part:
    """Observations of one kind of proof."""

    proof: Proof
    row: Int64s
    lower: Int64s
    upper: Int64s


def appends_and_tails(chain: Chain) -> list[Part]:
    """What appends, check-tails and refusals that name a tail prove."""
    stream, history = chain.stream, chain.stream.history
    rows, appends = stream.rows, history.appends
    legal = chain.batches.row[chain.batches.legal]
    start, end = chain.batches.start[chain.batches.legal], chain.batches.end[chain.batches.legal]
    # An impossible acknowledgement binds nobody: its append is taken for one of unknown outcome.
    acked = appends.start[legal] == start
    beyond = legal[acked & (appends.tail[legal] > end)]
    parts = [
        Part(Proof.APPEND, legal[acked], end[acked], start[acked]),
        Part(Proof.SEEN_APPEND, legal[~acked], end[~acked], start[~acked]),
        Part(Proof.ACK_TAIL, beyond, appends.tail[beyond], appends.tail[beyond]),
    ]
    tails = rows[history.observed_tail[rows] != NONE]
    reading, hashed = history.kind[tails] == Kind.READ, history.reads.hashed[tails]
    masks = ((Proof.CHECK_TAIL, ~reading), (Proof.OUT_OF_RANGE, reading & ~hashed), (Proof.WHOLE_READ, hashed))
    for proof, mask in masks:
        some = tails[mask]
        parts.append(Part(proof, some, history.observed_tail[some], history.observed_tail[some]))
    refused = rows[history.seq_num_mismatch[rows] != NONE]
    reported = history.seq_num_mismatch[refused]
    parts.append(Part(Proof.SEQ_NUM_MISMATCH, refused, reported, reported))
    return parts


def gather(chain: Chain, parts: list[Part]) -> Observations:
    """All of them as columns."""
    history = chain.stream.history
    row = np.concatenate([part.row for part in parts])
    proof = np.repeat(np.array([part.proof for part in parts], dtype=np.uint8), [len(part.row) for part in parts])
    unbound = (proof == Proof.SEEN_APPEND) | (history.outcome[row] == Outcome.INDEFINITE)
    return Observations(
        row=row,
        proof=proof,
        lower=np.concatenate([part.lower for part in parts]),
        upper=np.concatenate([part.upper for part in parts]),
        invoked=history.invoked[row],
        returned=np.where(unbound, FOREVER, history.returned[row]),
    )
