"""A stranger's anomaly."""

from __future__ import annotations

from enum import Enum

from fencepost import Anomaly as Row
from fencepost import Case, Claimed, Severity, Witness


class Words(Enum):
    COUNTED_WRONGLY = "{0:who} was counted wrongly"


class Anomaly:
    """An acknowledgement of another number of records than were sent, which others call a ``bad-ack``."""

    RANK = 5
    ROW = Row(
        "stranger-anomaly",
        "an acknowledgement counts other records than were sent",
        Severity.SERIOUS,
        "end − start = n",
        "end.seq_num − start.seq_num == len(batch)",
        "Somebody cannot count",
    )

    @staticmethod
    def tell(case: Case) -> Witness | None:
        if case.rule != "length":
            return None
        return case.witness((case.row,), Claimed(Words.COUNTED_WRONGLY, (case.row,)))
