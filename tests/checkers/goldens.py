"""The golden histories: for each anomaly one small history that shows it and a near miss that is sound, and the traps.

The journals themselves lie in ``tests/checkers/golden/``; the tests read those, so that what is on disk stays readable.
After a change, write them anew: ``python -m tests.checkers.goldens``.
"""

from __future__ import annotations

from typing import Final

from fencepost.testing import jsonl
from tests.checkers.golden_anomalies import OBSERVATIONS, REFUSALS, SESSIONS, WRITES
from tests.checkers.golden_beginnings import BEGINNINGS
from tests.checkers.golden_case import FOLDER, Golden
from tests.checkers.golden_rules import RULES
from tests.checkers.golden_sessions import SESSIONS_AND_SEARCH
from tests.checkers.golden_traps import TRAPS

GOLDENS: Final = (*WRITES, *REFUSALS, *OBSERVATIONS, *SESSIONS, *RULES, *SESSIONS_AND_SEARCH, *BEGINNINGS, *TRAPS)


def content(golden: Golden) -> bytes:
    """What the journal of a golden history holds."""
    return jsonl(*golden.ops, tail=golden.tail, token=golden.token, unique=golden.unique)


def write() -> None:
    """Write every journal, and remove those that are no longer wanted."""
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.jsonl"):
        path.unlink()
    for golden in GOLDENS:
        golden.path.write_bytes(content(golden))


if __name__ == "__main__":
    write()
