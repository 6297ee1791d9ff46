"""All the domains of one stream's operations: strictly what is certain to be possible, or widely all that may be.

Appends of unknown outcome that were seen nowhere may have set a token or a trim point, past the end or in a hole.
Strictly, they did not: if the scan finds an order then, there is one. Widely, each did wherever it could: if the scan
fails even then, there is none. In between lies what is not decided.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE, Int64s

from ..chain.chain import Chain
from ..chain.tokens import Slots, Tokens
from ..chain.trims import TrimPoints
from ..chain.unplaced import Unplaced
from .domains import Observations, Part, Proof, Unions, appends_and_tails, gather
from .reading import Answers, Reading


@dataclass(frozen=True, slots=True)
class Proofs:
    """``unexplained`` are rows of reads that left out what no trim (of those considered) can have removed.

    ``torn`` are those of reads that ended inside a batch.
    """

    observations: Observations
    unions: Unions
    unexplained: Int64s
    torn: Int64s
    trims: TrimPoints


def strict(chain: Chain, tokens: Tokens, found: Answers) -> Proofs:
    """As if nothing unseen had been applied."""
    return _proofs(chain, tokens, found, None)


def wide(chain: Chain, tokens: Tokens, found: Answers, unplaced: Unplaced) -> Proofs:
    """As if everything unseen might have been applied, wherever it could."""
    return _proofs(chain, tokens, found, unplaced)


def _proofs(chain: Chain, tokens: Tokens, found: Answers, unplaced: Unplaced | None) -> Proofs:
    trims = TrimPoints(chain, unplaced)
    reading = Reading(chain, found, trims)
    parts: list[Part] = [*appends_and_tails(chain), *reading.parts()]
    collected = _Collector()
    domains = reading.special()
    if unplaced is None or not unplaced.holes:
        domains += reading.relative_empty(unplaced is not None)
    for row, slots in domains:
        collected.add(row, Proof.READ, slots)
    _refusals(chain, tokens, unplaced, collected)
    return Proofs(gather(chain, parts), collected.unions(), reading.unexplained, reading.torn, trims)


class _Collector:
    """Gathers unions; slots that many operations share are kept once."""

    def __init__(self) -> None:
        self._slots: list[Slots] = []
        self._entries: list[tuple[int, int, int]] = []
        self._columns: list[tuple[Int64s, int, Int64s]] = []

    def share(self, slots: Slots) -> int:
        """The key of some slots."""
        self._slots.append(slots)
        return len(self._slots) - 1

    def add(self, row: int, proof: Proof, slots: Slots) -> None:
        """One operation."""
        self._entries.append((row, proof, self.share(slots)))

    def extend(self, rows: Int64s, proof: Proof, keys: Int64s) -> None:
        """Many operations of one kind."""
        self._columns.append((rows, proof, keys))

    def unions(self) -> Unions:
        """All, in the order of invocation."""
        single = np.array(self._entries, dtype=np.int64).reshape(-1, 3)
        row = np.concatenate([single[:, 0], *(rows for rows, *_ in self._columns)])
        proof = np.concatenate([single[:, 1], *(np.full(len(rows), kind) for rows, kind, _ in self._columns)])
        key = np.concatenate([single[:, 2], *(keys for *_, keys in self._columns)])
        order = np.argsort(row, kind="stable")
        return Unions(row[order], proof[order].astype(np.uint8), key[order], self._slots)


def _refusals(chain: Chain, tokens: Tokens, unplaced: Unplaced | None, collected: _Collector) -> None:
    history, rows = chain.stream.history, chain.stream.failed
    earliest = {} if unplaced is None else unplaced.earliest()
    reporting = rows[history.token_mismatch[rows] != NONE]
    distinct, which = np.unique(history.token_mismatch[reporting], return_inverse=True)
    fencing: dict[int, list[int]] = {}  # what an unseen fence set may hold from then on
    for row, tail in earliest.items():
        fencing.setdefault(int(history.appends.last_fence[row]), []).append(tail)
    in_force = (_merged(tokens.slots(token), fencing.get(token, [])) for token in distinct.tolist())
    keys = np.array([collected.share(slots) for slots in in_force], dtype=np.int64)
    collected.extend(reporting, Proof.TOKEN_MISMATCH, keys[which] if len(keys) else reporting)
    silent = rows[
        (history.status[rows] == 412)
        & (history.token_mismatch[rows] == NONE)
        & (history.seq_num_mismatch[rows] == NONE)
    ]
    for row in silent.tolist():
        slots = _refusing(chain, tokens, row, earliest)
        if slots is not None:
            collected.add(row, Proof.REFUSAL, slots)


def _refusing(chain: Chain, tokens: Tokens, row: int, earliest: dict[int, int]) -> Slots | None:
    """Where a condition of an append fails; None if anywhere. For a refusal that does not say which."""
    appends = chain.stream.history.appends
    match, token = int(appends.match_seq_num[row]), int(appends.token[row])
    if match == NONE and token == NONE:
        return Slots()
    if match != NONE:
        in_force = int(tokens.at(np.array([match]))[0])
        at, inside = chain.batches.containing(np.array([match]))
        divided = bool(inside[0]) and chain.batches.start[at[0]] < match
        if match < chain.stream.tail or divided or token not in (NONE, in_force):
            return None
        slots = Slots()
        if match > chain.stream.tail:
            slots.add(0, match - 1, NONE, NONE)
        following = int(np.searchsorted(chain.batches.start, match))
        if following < len(chain.batches.row):
            slots.add(int(chain.batches.end[following]), FOREVER, NONE, NONE)
        return _merged(slots, list(earliest.values()))
    last = appends.last_fence
    return _merged(tokens.others(token), [tail for r, tail in earliest.items() if last[r] not in (NONE, token)])


def _merged(slots: Slots, since: list[int]) -> Slots:
    """With everything from the least of some tails on."""
    if not since:
        return slots
    low, merged = min(since), Slots()
    pieces = zip(slots.starts, slots.ends, slots.setters, slots.enders, strict=True)
    for start, end, setter, ender in sorted(piece for piece in pieces if piece[0] <= piece[1]):
        if end < low:
            merged.add(start, end, setter, ender)
        else:
            low = min(low, start)
    merged.add(low, FOREVER, NONE, NONE)
    return merged
