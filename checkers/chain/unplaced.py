"""Appends of unknown outcome that were seen nowhere: what they might have done, and from where on."""

from __future__ import annotations

from dataclasses import dataclass

from fencepost.harness.history.history import NONE

from .chain import Chain
from .frontier import raw_frontier
from .subsets import sums_to
from .tokens import Tokens


@dataclass(frozen=True, slots=True)
class Unplaced:
    """``end`` is the greatest tail observed; ``holes`` tells that not all below it is covered.

    Without holes they can have been applied past the end only: an optional hole. With holes, anywhere.
    """

    chain: Chain
    tokens: Tokens
    end: int
    holes: bool

    def earliest(self) -> dict[int, int]:
        """For each row that may have been applied, the least tail at which it may have been."""
        appends, unused = self.chain.stream.history.appends, self.chain.unused
        fences = {int(token) for token in appends.last_fence[unused]} - {NONE}
        found = {}
        for row in unused.tolist():
            size, match = int(appends.offset[row + 1] - appends.offset[row]), int(appends.match_seq_num[row])
            token = int(appends.token[row])
            if self.holes:
                found[row] = self.chain.stream.tail + size
            elif token not in (NONE, *fences) and not self.tokens.may_hold(token, self.end):
                continue
            elif match == NONE or self._reached(row, match):
                found[row] = max(self.end, match) + size
        # What was acknowledged and lost may have been in force before it was.
        return found | dict.fromkeys(self.chain.facts.lost, 0)

    def _reached(self, row: int, match: int) -> bool:
        """Can others have taken the stream from its end to exactly where this append wants to be?"""
        offset, others = self.chain.stream.history.appends.offset, self.chain.unused[self.chain.unused != row]
        return match >= self.end and sums_to(offset[others + 1] - offset[others], match - self.end)


def unplaced(chain: Chain, tokens: Tokens) -> Unplaced:
    """The unplaced appends of a chain."""
    starts, ends = chain.covered
    end = max(int(ends[-1]), raw_frontier(chain.stream).greatest) if len(chain.unused) else int(ends[-1])
    return Unplaced(chain, tokens, end, len(starts) > 1 or end > int(ends[-1]))
