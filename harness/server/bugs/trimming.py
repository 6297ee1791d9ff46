"""Bugs in trims."""

from __future__ import annotations

from typing import Final

from ..rules import StreamRules
from .durability import CRASH
from .registry import bug

TRIM: Final = "a trim removes what lies below its seq_num, and it stays removed"


@bug("trim-too-far", breaks=TRIM, anomaly="over-trim", workload="trim", clause="C3")
class TrimTooFar(StreamRules):
    """A trim removes the record at its seq_num as well."""

    def trimmed_below(self, asked: int, own: int) -> int:
        return min(super().trimmed_below(asked, own) + 1, own + 1)


@bug(
    "trim-resurrects",
    breaks=TRIM,
    anomaly="resurrected-record",
    workload="trim",
    faults=("kill",),
    beyond=CRASH,
)
class TrimResurrects(StreamRules):
    """Recovery restores the records but forgets the trims among them."""

    def trim_recovered(self, below: int) -> int:
        return 0
