"""A stranger's anomaly."""

from __future__ import annotations

from fencepost import Anomaly as Row
from fencepost import Severity
from fencepost.checkers.explanation.case import Case
from fencepost.checkers.explanation.sentences import Witness


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
        return case.witness(f"{case.teller(case.row).who(case.row)} was counted wrongly", (case.row,))
