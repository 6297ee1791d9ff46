"""Each bug that must be found is found by its workload, and the correct server is left alone.

One seed each; ``make detect`` runs many.
"""

from __future__ import annotations

import pytest
from benchmarks.detect import REQUIRED, WORKLOADS, judge

from fencepost.harness.server.bugs import BUGS

SECONDS = 3.0
SEED = 922
"""With this one ``kill`` strikes after 0.3, 0.4 and 0.6 s without it."""


@pytest.mark.parametrize("name", REQUIRED)
def test_a_seeded_bug_is_found_by_its_workload(name: str) -> None:
    bug = BUGS[name]
    faults = ["--faults", ",".join(bug.faults)] if bug.faults else []
    found = judge(bug.workload, SEED, SECONDS, "--bug", name, *faults)
    assert bug.anomaly in found


@pytest.mark.parametrize("workload", WORKLOADS)
def test_the_correct_server_is_valid_under_kills(workload: str) -> None:
    assert judge(workload, SEED, SECONDS, "--faults", "kill", "--streams", "2") == {"valid"}
