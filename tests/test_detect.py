"""Each bug that must be found is found by its workload, and the correct server is left alone.

One seed each; ``make detect`` runs many.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from _pytest.mark import ParameterSet
from benchmarks.detect import REQUIRED, STREAMS, WORKLOADS, said

from fencepost.harness.server.bugs import BUGS
from tests.cli.invoking import Inside, inside  # noqa: F401 (a fixture)

OPERATIONS = ("--ops", "800")
"""Enough for every bug without faults: each is found several times over."""

KILLS = ("--faults", "kill", "--rate", "300")
"""What a kill destroys is what was under way; how much was done before it does not matter."""

SEED = 922
"""With this one ``kill`` strikes after 0.3, 0.4 and 0.6 s without it."""


SLOW = {
    *("session-not-poisoned", "session-skips-batch-boundary", "read-repeats-on-resume", "trim-resurrects"),
    *("cross-stream-leak", "sessions", "followers", "trim", "mixed", "retry"),
}
"""Left to ``make test-slow``."""


def quickly(names: Iterable[str]) -> list[ParameterSet]:
    """The names as parameters, some of them slow."""
    return [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in names]


def judge(run: Inside, workload: str, seconds: float, *options: str) -> set[str]:
    """The names of the anomalies in a run, or else its validity."""
    options = ("--streams", STREAMS.get(workload, "1"), *options)
    done = run("run", workload, "--json", "--no-plots", "--seed", SEED, "--time-limit", seconds, *options)
    assert done.code in (0, 1), done.err
    return said(json.loads(done.out))


@pytest.mark.parametrize("name", quickly(REQUIRED))
def test_a_seeded_bug_is_found_by_its_workload(inside: Inside, name: str) -> None:  # noqa: F811
    bug = BUGS[name]
    assert bug.faults in ((), ("kill",))
    # On a machine that is busy with other things, less is under way when a kill strikes: that may need another run.
    times, options = ((2.0, 5.0), KILLS) if bug.faults else ((30.0,), OPERATIONS)
    assert any(bug.anomaly in judge(inside, bug.workload, seconds, "--bug", name, *options) for seconds in times)


@pytest.mark.parametrize("workload", quickly(WORKLOADS))
def test_the_correct_server_is_valid_under_kills(inside: Inside, workload: str) -> None:  # noqa: F811
    assert judge(inside, workload, 2.0, *KILLS, "--streams", "2") == {"valid"}
