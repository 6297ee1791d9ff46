"""What a run can be told, and what of it is stored."""

from __future__ import annotations

import json
import math

import pytest

from fencepost import RunOptions, UsageFailure
from fencepost.harness.exits import ExitCode, worst


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("clients", 0),
        ("clients", 1001),
        ("streams", 0),
        ("streams", -1),
        ("time_limit", 0.0),
        ("time_limit", -1.0),
        ("time_limit", math.nan),
        ("time_limit", math.inf),
        ("operations", 0),
        ("rate", 0.0),
        ("rate", math.inf),
        ("timeout", 0.0),
        ("seed", -1),
        ("seed", 2**63),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_option_name(name: str, value: float) -> None:
    with pytest.raises(UsageFailure, match=f"^--{name.replace('_', '-')} {value}: must be"):
        RunOptions(**{"workload": "regular", "seed": 1, name: value})


def test_the_limits_themselves_are_allowed() -> None:
    RunOptions(workload="w", seed=0, clients=1, streams=1000)
    RunOptions(workload="w", seed=2**63 - 1, clients=1000, time_limit=None, operations=1, rate=0.1)


def test_what_is_stored_is_everything_but_the_place_and_the_targets_own_options() -> None:
    """Which of the target's options are secret only its rows know; what may be stored of them is added by the run."""
    given = {"proxy": "http://me:my-password@127.0.0.1:1"}
    options = RunOptions(workload="w", seed=1, target="endpoint", target_options=given)
    assert "my-password" not in json.dumps(options.public())
    assert options.public().keys() == set(RunOptions.__slots__) - {"results", "target_options"}


def test_exit_codes_compose_with_the_worst_first() -> None:
    order = [ExitCode.VALID, ExitCode.UNKNOWN, ExitCode.INVALID, ExitCode.USAGE, ExitCode.CRASH]
    assert [int(code) for code in order] == [0, 2, 1, 254, 255]
    for better, code in enumerate(order):
        assert worst([*order[:better], code]) is code
    assert worst([]) is ExitCode.UNKNOWN
