"""What the checks of one stream share: its chain, what is derived from it, and the findings so far."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fencepost.harness.history.history import NONE, History

from .chain.chain import Chain
from .chain.claims import Claims
from .chain.stream import Stream
from .chain.tokens import Tokens
from .chain.trims import TrimPoints
from .domains.domains import Observations
from .domains.proofs import Proofs
from .domains.reading import Answers
from .explanation.findings import Findings
from .explanation.sentences import Teller
from .holes import Hole
from .kernel.columns import Requirements


@dataclass(slots=True)
class Judgement:
    """``accused`` are rows whose answer was found impossible by itself: they prove nothing further.

    ``proofs`` are the wide ones, ``asked`` is what the kernel judges the stream by.
    """

    stream: Stream
    chain: Chain
    tokens: Tokens
    claims: Claims
    answers: Answers
    proofs: Proofs
    holes: list[Hole]
    findings: Findings
    asked: Requirements
    accused: set[int] = field(default_factory=set)

    @property
    def observations(self) -> Observations:
        """The interval domains."""
        return self.proofs.observations

    @property
    def trims(self) -> TrimPoints:
        """The trim points that may be."""
        return self.proofs.trims

    @property
    def history(self) -> History:
        """The history that the stream is of."""
        return self.stream.history

    def teller(self, *rows: int) -> Teller:
        """Tells of these operations. Of the next violation that is found the times count as this one counts them."""
        teller = Teller(self.history, [row for row in rows if row != NONE])
        self.findings.since = teller.origin
        return teller

    def latest_read(self, position: int) -> int:
        """The row of the latest read that returned a position; NONE if none did."""
        at, inside = self.chain.contents.axis.find(np.array([position]))
        if not inside[0]:
            return NONE
        records = np.flatnonzero(self.chain.contents.read_at == at[0])
        return int(self.chain.source.read_row[records[-1]]) if len(records) else NONE

    def tokens_of_lost_fences(self) -> set[int]:
        """Tokens set by acknowledged fences that were lost: whether they were in force is nobody's to say."""
        last = self.history.appends.last_fence
        return {int(last[row]) for row in self.chain.facts.lost} - {NONE}

    def uncertain_tokens(self, position: int) -> set[int]:
        """Tokens that an unseen fence in a hole may have put in force at ``position``."""
        if not any(hole.candidates for hole in self.holes):
            return set()
        last = self.history.appends.last_fence
        setter = self.tokens.setter(position)
        place = self.chain.batch_of(setter) if setter != NONE else None
        since = place[1] if place else 0
        return {
            int(last[row])
            for hole in self.holes
            if since <= hole.start < position
            for row in hole.candidates
            if last[row] != NONE
        }
