"""A run takes its time, its name and its chance from the world that it is given, and from nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fencepost import RunOptions, execute
from fencepost.harness.world.clock import ScriptedClock
from fencepost.harness.world.randomness import SeededRandomness
from fencepost.harness.world.scripted import scripted_world
from tests.run import doubles
from tests.run.conftest import Silent

ROOT = Path(__file__).parents[2]
RUNS = 7


def history_of(folder: Path, seed: int, workload: str = "regular") -> bytes:
    """What a run with four clients writes in a scripted world."""
    options = RunOptions(
        workload=workload,
        target="memory",
        seed=seed,
        results=folder,
        clients=4,
        operations=60,
        time_limit=None,
        formats=(),
    )
    result = execute(options, Silent(), scripted_world(seed))
    return (result.folder / "history.jsonl").read_bytes()


@pytest.mark.parametrize("workload", ["regular", "match-seq-num", "fenced"])
def test_a_run_is_repeated_to_the_byte_where_its_world_is(
    tmp_path: Path, installed: doubles.Script, workload: str
) -> None:
    """Any hidden clock, any hidden chance and any order by address would show in one of these bytes."""
    rubbish = []
    histories = set()
    for run in range(RUNS):
        rubbish.append([object() for _ in range(run * 11)])  # other addresses are free each time
        histories.add(history_of(tmp_path / str(run), 7, workload))
    assert len(histories) == 1
    assert history_of(tmp_path / "other", 8, workload) not in histories


ELSEWHERE = """
import sys
from pathlib import Path

from tests.run import doubles

folder = Path(sys.argv[1])
sys.path.insert(0, str(doubles.register(folder / "site")))

from fencepost.harness import judge
from tests.run.test_run_in_a_world import history_of

judge.CHECKERS.names = lambda: ["double"]
sys.stdout.buffer.write(history_of(folder / "results", seed=7))
"""


def test_a_run_is_repeated_in_another_process(tmp_path: Path, installed: doubles.Script) -> None:
    """Where texts have other hashes."""
    here = history_of(tmp_path / "here", seed=7)
    for number in ("1", "2"):
        command = [sys.executable, "-c", ELSEWHERE, str(tmp_path / number)]
        environment = {**os.environ, "PYTHONHASHSEED": number}
        ran = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
        assert ran.stdout == here


def test_its_name_and_its_times_are_the_worlds(tmp_path: Path, installed: doubles.Script) -> None:
    header, *events = map(json.loads, history_of(tmp_path, seed=7).splitlines())
    assert header["started"] == "2026-01-01T00:00:00+00:00"
    name = f"20260101t000000-{SeededRandomness(7).fresh(3).hex()}-0"
    assert [stream["name"] for stream in header["streams"]] == [name]
    assert {event["time"] for event in events} == {ScriptedClock().monotonic_ns()} == {0}
