"""The scan, broken: what it does with times, and with domains that have gaps."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from fencepost.checkers.chain import ties, tokens, unplaced
from fencepost.checkers.chain.frontier import Frontier
from fencepost.checkers.domains import proofs
from fencepost.checkers.linearizability import judging, one_stream, scan
from fencepost.harness.history.history import NONE
from tests.checkers.mutating import Mutation, Patch, around, instead


def _at(side: str) -> Any:
    return lambda self, times: np.asarray(self._values[np.searchsorted(self._times, times, side=side)])


def _no_ties(patch: Patch) -> None:
    patch.setattr(ties, "ties", lambda stream: {})
    patch.setattr(judging, "ties", lambda stream: {})


def _one_before(before: dict[int, list[int]], *_: Any) -> dict[int, list[int]]:
    return {row: several[-1:] for row, several in before.items()}


def _unforced(choices: scan.Choices, *_: Any) -> scan.Choices:
    return scan.Choices(choices.slot, np.full_like(choices.lower, NONE), choices.upper)


def _only_acked_first(self: Any, position: int) -> int:
    return 0 if self.ends else NONE


def _last_member(self: Any, position: int) -> int:
    return len(self.ends) - 1 if self.ends and self.ends[-1] >= position else NONE


SCAN: Final = (
    Mutation("equal instants are ordered", instead(Frontier, "at", _at("right"))),
    Mutation(
        "nothing comes before anything in time",
        instead(Frontier, "at", lambda self, times: self._values[np.zeros(len(times), dtype=int)]),
    ),
    Mutation("a process is in no order at one instant", _no_ties),
    Mutation("of several that come before only one does", around(scan, "tied", _one_before)),
    Mutation("a choice among slots forces nobody", around(scan, "_choose", _unforced)),
    Mutation("the first slot is chosen, whatever was met", instead(tokens.Slots, "first_from", _only_acked_first)),
    Mutation("the last slot is chosen", instead(tokens.Slots, "first_from", _last_member)),
    Mutation(
        "the strict domains alone are scanned",
        around(one_stream, "wide", lambda found, c, t, a, u: proofs.strict(c, t, a)),
    ),
    Mutation(
        "the wide domains alone are scanned",
        instead(one_stream, "strict", lambda c, t, a: proofs.wide(c, t, a, unplaced.unplaced(c, t))),
    ),
)
